#pragma once

#include <boost/beast/core/error.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_app.hpp"

/// What a connection says no with, and what it reads of a request before the app does.
namespace inkfleet::net {

inline constexpr const char* kSubprotocol = "inkfleet.v1";

/// The answer to a request that could not be read; nothing when the other end simply left or was too slow.
std::optional<HttpResponse> refusal_of(beast::error_code error);

/// 429: the caller's address has all the connections it may have.
HttpResponse too_many_connections(std::size_t limit);

/// 503: the server has all the connections it may have.
HttpResponse server_is_full();

/// The answer as it goes over the wire, for a connection that is closed with it.
std::string last_words(HttpResponse response);

/// The lines of X-Forwarded-For.
std::vector<std::string_view> forwarded_lines(const HttpRequest& request);

bool offers_subprotocol(const HttpRequest& request);

}  // namespace inkfleet::net
