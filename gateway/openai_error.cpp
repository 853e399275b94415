#include "gateway/openai_error.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "net/responses.hpp"
#include "proto/limits.hpp"

namespace inkfleet::gateway {

namespace {

constexpr std::size_t kShownPath = 100;

std::string_view type_of(int status) {
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

proto::Json shaped(int status, std::string_view code, const std::string& message, proto::Json param) {
  return {{"error",
           {{"message", message}, {"type", type_of(status)}, {"param", std::move(param)}, {"code", code}}}};
}

/// The parameter as OpenAI names it.
proto::Json param_of(const proto::Error& error) {
  if (!error.field) return nullptr;
  return *error.field == "prompt_ids" ? "prompt" : *error.field;
}

std::string seconds(std::optional<std::chrono::milliseconds> time) {
  const auto whole = std::chrono::ceil<std::chrono::seconds>(time.value_or(proto::limits::kRetryAfter));
  return std::to_string(std::max(whole, std::chrono::seconds(1)).count());
}

}  // namespace

proto::Json openai_error(const proto::Error& error, proto::Overload overload) {
  return shaped(proto::http_status(error.code, overload), proto::name(error.code), error.message,
                param_of(error));
}

net::HttpResponse openai_refusal(const proto::Error& error, proto::Overload overload) {
  const int status = proto::http_status(error.code, overload);
  auto response = net::json_response(net::http::status(status), openai_error(error, overload));
  if (status == 429 || status == 503) response.set(net::http::field::retry_after, seconds(error.retry_after));
  return response;
}

net::HttpResponse openai_no_such_path(std::string_view path) {
  const auto message =
      fmt::format("{} is not served: these are text completion models, at POST /v1/completions",
                  path.substr(0, kShownPath));
  return net::json_response(net::http::status::not_found,
                            shaped(404, proto::name(proto::ErrorCode::kBadRequest), message, nullptr));
}

}  // namespace inkfleet::gateway
