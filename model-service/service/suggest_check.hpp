#pragma once

#include <optional>
#include <string_view>

#include "model-service/engine/step_model.hpp"
#include "proto/frames.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::service {

/// What only the model can judge of a request that is well formed: values against its vocabulary, and what it
/// does not offer. The error names the field and the limit; its `id` is left to the caller.
std::optional<proto::Error> check_suggest(const proto::Suggest& suggest, const engine::ModelShape& shape);

/// What prompt_ids spell goes into `started`, and with it has to fit a frame.
std::optional<proto::Error> check_spelled(std::string_view prompt);

/// With `spell_again`, the bytes that heal took back, resumed tokens must spell them too, as far as they go.
std::optional<proto::Error> check_healed_resume(const proto::Suggest& suggest, std::string_view spell_again,
                                                const tokenizer::Tokenizer& tokenizer);

}  // namespace inkfleet::service
