#pragma once

#include "gateway/config.hpp"
#include "gateway/config_node.hpp"

/// What the configuration says about who may come in, and how much of everything.
namespace inkfleet::gateway {

/// Reads `auth`, `upstream_key_file`, `origins`, `trusted_proxies`, `tls`, `limits` and `log_prompts`.
void read_doors(const Members& members, Config& config);

/// Reads the files those name. Throws std::runtime_error with one line for a person.
void load_secrets(Config& config);

}  // namespace inkfleet::gateway
