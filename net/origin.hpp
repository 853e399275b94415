#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "net/http_app.hpp"

namespace inkfleet::net {

/// Which web pages may use a door. Without a list those that come from the host they ask.
class OriginRule {
 public:
  /// Adds an origin such as "https://example.org", or "*" for all. Throws std::runtime_error with one line
  /// that names `what`.
  void add(std::string_view what, std::string_view origin);

  /// `origin` and `host` as the headers have them.
  [[nodiscard]] bool allows(std::string_view origin, std::string_view host) const;

 private:
  bool any_ = false;
  std::set<std::string> listed_;
};

/// The 403 of a request whose Origin is not allowed; nothing if it is, or if there is none.
std::optional<HttpResponse> check_origin(const OriginRule& rule, const HttpRequest& request);

}  // namespace inkfleet::net
