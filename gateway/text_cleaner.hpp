#pragma once

#include <string>
#include <string_view>

/// What the existing editors are shown of a model's text (docs/protocol.md, "Existing editors").
namespace inkfleet::gateway {

/// As Python's str.strip() does, Unicode white space included.
std::string_view strip(std::string_view text);

/// Surrounding white space stripped, then cut at the first end marker, then <eop> made two newlines and <unk>
/// left out. While the text still `grows`, a tail that could begin a marker is held back: each result is then
/// an extension of the results for all shorter texts. `raw` is whole UTF-8 characters.
std::string clean_text(std::string_view raw, bool grows);

}  // namespace inkfleet::gateway
