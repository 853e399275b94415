#pragma once

#include <boost/asio/ip/address.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "net/http_app.hpp"

/// Answers both programs give. Version, keep-alive and length are set by the server when it writes them.
namespace inkfleet::net {

/// The target without its query.
std::string_view path_of(const HttpRequest& request);

/// GET or HEAD; the server leaves the body out for the latter.
bool is_get(const HttpRequest& request);

HttpResponse json_response(http::status status, const nlohmann::json& body);
HttpResponse text_response(http::status status, std::string body,
                           std::string_view content_type = "text/plain; charset=utf-8");

/// {"error": {"code": code, "message": message}}
HttpResponse error_response(http::status status, std::string_view code, std::string_view message);

/// `overloaded`, with Retry-After: 429 for a limit of the caller's own, 503 for a full server.
HttpResponse overloaded_response(http::status status, std::string_view message);

/// 405 with what is allowed.
HttpResponse method_not_allowed(std::string_view allowed);

/// The outcome of a health check: what /healthz and /readyz say.
struct Health {
  bool ok = true;
  std::string check;   ///< when not ok: the check that failed
  std::string detail;  ///< one sentence for a person
};

/// 200 {"status":"ok"}, or 503 with the check that failed. Never cached.
HttpResponse health_response(const Health& health);

}  // namespace inkfleet::net
