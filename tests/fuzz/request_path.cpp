// Paths of requests at the gateway: a path means one thing at most, and what it means lies within it.

#include <algorithm>

#include "gateway/legacy_path.hpp"
#include "gateway/router.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet::gateway;

namespace {

const Router kRouter({{.name = "gpt2-medium", .aliases = {"gpt2", "g"}}, {.name = "gpt2-medium-hp"}});

void check(std::string_view path, const Router::Target& target) {
  require(kRouter.model_named(target.model) == target.model, "a target is a model's own name");
  require(target.rest.empty() || target.rest.starts_with('/'), "the rest is a path");
  require(target.rest.data() >= path.data() &&
              target.rest.data() + target.rest.size() <= path.data() + path.size(),
          "the rest is a part of the path");
  const auto again = kRouter.target_of("/" + target.model + std::string(target.rest));
  require(again && again->model == target.model, "the model's own path leads to it");
}

/// Every byte escaped, so that any name is found again.
std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    char digits[4];
    std::snprintf(digits, sizeof digits, "%%%02x", static_cast<unsigned char>(c));
    text += digits;
  }
  return text;
}

void check(const LegacyPath& path) {
  require(!path.name.empty() && path.name.size() <= 256, "a name is within bounds");
  require(path.name.find('/') == path.name.npos, "a name has no slash");
  const auto again = parse_legacy_path((path.test ? "/ws/test/writeup/text_generation/session/"
                                                  : "/ws/async/writeup/text_generation/session/") +
                                       escaped(path.name) + "/");
  require(again && again->name == path.name && again->test == path.test, "read, written, read: equal");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = inkfleet::fuzz::text_of(data, size);
  const auto target = kRouter.target_of(path);
  const auto legacy = parse_legacy_path(path);
  require(!target || !legacy, "a path means one thing");
  if (target) check(path, *target);
  if (legacy) check(*legacy);
  return 0;
}
