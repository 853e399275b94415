#include "gateway/router.hpp"

namespace inkfleet::gateway {

Router::Router(const std::vector<Route>& routes) {
  for (const auto& route : routes) {
    models_.push_back({route.name, route.aliases});
    by_name_[route.name] = route.name;
    for (const auto& alias : route.aliases) by_name_[alias] = route.name;
  }
}

std::optional<std::string> Router::model_named(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Router::Target> Router::target_of(std::string_view path) const {
  if (!path.starts_with('/')) return std::nullopt;
  const auto name = path.substr(1, path.find('/', 1) - 1);
  const auto model = model_named(name);
  if (!model) return std::nullopt;
  auto rest = path.substr(1 + name.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  return Target{*model, rest};
}

}  // namespace inkfleet::gateway
