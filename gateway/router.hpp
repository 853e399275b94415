#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config.hpp"

namespace inkfleet::gateway {

/// Which model a path or a name means. Pure data, made from the configuration.
class Router {
 public:
  struct Model {
    std::string name;
    std::vector<std::string> aliases;
  };

  explicit Router(const std::vector<Route>& routes);

  /// The model of this name or alias.
  std::optional<std::string> model_named(std::string_view name) const;

  /// What a path asks for: "/gpt2" and "/gpt2/" the model itself, "/gpt2/healthz" its health.
  struct Target {
    std::string model;
    std::string_view rest;  ///< after the model's name: "" or "/healthz"; a part of the path given
  };
  std::optional<Target> target_of(std::string_view path) const;

  const std::vector<Model>& models() const { return models_; }

 private:
  std::vector<Model> models_;
  std::map<std::string, std::string, std::less<>> by_name_;
};

}  // namespace inkfleet::gateway
