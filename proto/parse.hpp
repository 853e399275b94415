#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "proto/frames.hpp"

namespace inkfleet::proto {

/// Reads a frame of a client. Whatever is wrong with it becomes an Error with code bad_request, a message
/// that names the limit and the value given, and `field` when one is at fault:
/// - a `suggest` whose id can be read: the error ends that request and carries its `id`;
/// - anything else: the error carries `frame`, the type as sent (cut to kTypeBytes; empty when there is
/// none).
///
/// Only the model knows its vocabulary, so the upper ends of `top_k` and of token ids are the service's to
/// check.
std::variant<ClientFrame, Error> parse_client_frame(std::string_view text);

/// An error about a `suggest` must not name the id of another, live request, or it would end that one. When
/// the id of a bad `suggest` is already taken, this turns its error into one that names the frame instead.
Error without_request(Error error);

/// Of an unknown frame type, this much comes back in the error.
inline constexpr std::size_t kTypeBytes = 64;

/// Reads a frame of a server: what the gateway does with services, and the terminal client with either.
/// Unknown fields are ignored, an unknown error code is read as `internal`, an unknown reason as `failed`;
/// nothing when the text is no frame.
std::optional<ServerFrame> parse_server_frame(std::string_view text);

}  // namespace inkfleet::proto
