#include "net/responses.hpp"

#include <nlohmann/json.hpp>

#include "proto/limits.hpp"

namespace inkfleet::net {

std::string_view path_of(const HttpRequest& request) {
  const auto target = request.target();
  return std::string_view(target.data(), target.size()).substr(0, target.find('?'));
}

bool is_get(const HttpRequest& request) {
  return request.method() == http::verb::get || request.method() == http::verb::head;
}

HttpResponse text_response(http::status status, std::string body, std::string_view content_type) {
  HttpResponse response(status, 11);
  response.set(http::field::content_type, {content_type.data(), content_type.size()});
  response.body() = std::move(body);
  return response;
}

HttpResponse json_response(http::status status, const nlohmann::json& body) {
  using nlohmann::json;
  return text_response(status, body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n",
                       "application/json");
}

HttpResponse error_response(http::status status, std::string_view code, std::string_view message) {
  return json_response(status, {{"error", {{"code", code}, {"message", message}}}});
}

HttpResponse overloaded_response(http::status status, std::string_view message) {
  auto response = error_response(status, "overloaded", message);
  response.set(http::field::retry_after, std::to_string(proto::limits::kRetryAfter.count()));
  return response;
}

HttpResponse method_not_allowed(std::string_view allowed) {
  auto response = error_response(http::status::method_not_allowed, "bad_request",
                                 "this path answers " + std::string(allowed));
  response.set(http::field::allow, {allowed.data(), allowed.size()});
  return response;
}

HttpResponse health_response(const Health& health) {
  auto response =
      health.ok
          ? json_response(http::status::ok, {{"status", "ok"}})
          : json_response(http::status::service_unavailable,
                          {{"status", "unavailable"}, {"check", health.check}, {"detail", health.detail}});
  response.set(http::field::cache_control, "no-store");
  return response;
}

}  // namespace inkfleet::net
