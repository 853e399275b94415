#include "net/http_refusal.hpp"

#include <boost/beast/http.hpp>
#include <sstream>

#include "net/responses.hpp"

namespace inkfleet::net {

namespace {

std::optional<http::status> status_of(beast::error_code error) {
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error == http::error::header_limit) return http::status::request_header_fields_too_large;
  if (error == http::error::body_limit) return http::status::payload_too_large;
  const auto& of_http = http::make_error_code(http::error::bad_method).category();
  return error.category() == of_http ? std::optional(http::status::bad_request) : std::nullopt;
}

}  // namespace

std::optional<HttpResponse> refusal_of(beast::error_code error) {
  const auto status = status_of(error);
  if (!status) return std::nullopt;
  const auto code = *status == http::status::bad_request ? "bad_request" : "too_large";
  return error_response(*status, code, error.message());
}

HttpResponse too_many_connections(std::size_t limit) {
  return overloaded_response(http::status::too_many_requests,
                             "this address has " + std::to_string(limit) + " connections, the limit");
}

HttpResponse server_is_full() {
  return overloaded_response(http::status::service_unavailable, "all connections are taken");
}

std::string last_words(HttpResponse response) {
  response.keep_alive(false);
  response.prepare_payload();
  std::ostringstream text;
  text << response;
  return text.str();
}

std::vector<std::string_view> forwarded_lines(const HttpRequest& request) {
  std::vector<std::string_view> lines;
  const auto [first, end] = request.equal_range("X-Forwarded-For");
  for (auto line = first; line != end; ++line) lines.emplace_back(line->value().data(), line->value().size());
  return lines;
}

bool offers_subprotocol(const HttpRequest& request) {
  return http::token_list(request[http::field::sec_websocket_protocol]).exists(kSubprotocol);
}

}  // namespace inkfleet::net
