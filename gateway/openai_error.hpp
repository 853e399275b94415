#pragma once

#include "net/http_message.hpp"
#include "proto/error_code.hpp"
#include "proto/frames.hpp"
#include "proto/json.hpp"

/// Errors in OpenAI's shape.
namespace inkfleet::gateway {

/// {"error": {"message", "type", "param", "code"}}; `code` is the protocol's own.
proto::Json openai_error(const proto::Error& error, proto::Overload overload = proto::Overload::kService);

/// The same as an answer, with Retry-After where asking again is worth it.
net::HttpResponse openai_refusal(const proto::Error& error,
                                 proto::Overload overload = proto::Overload::kService);

/// 404: nothing is served at a path beneath /v1/.
net::HttpResponse openai_no_such_path(std::string_view path);

}  // namespace inkfleet::gateway
