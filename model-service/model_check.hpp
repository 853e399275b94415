#pragma once

#include <string>

#include "model-service/model_flags.hpp"

namespace inkfleet::service {

/// What `inkfleet-model --check` does: tries a model in each number format and prints on stdout what each
/// needs and, given a text, how well it foretells it. Throws std::runtime_error with one line for a person
/// when the model cannot be served.
void check_model(const ModelFlags& flags, const std::string& text_file);

}  // namespace inkfleet::service
