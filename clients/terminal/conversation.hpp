#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "net/address.hpp"
#include "proto/frames.hpp"

namespace inkfleet::terminal {

/// Told of every frame, with its text; says whether more are wanted.
using FrameHandler = std::function<bool(const proto::ServerFrame& frame, std::string_view text)>;

/// Connects with an API key (empty: none), sends one request and hands its frames to `on_frame` until that
/// says no. Throws std::runtime_error with a line for the user when there is no connection, it breaks, or
/// what comes is no frame.
void converse(const net::WebSocketUrl& url, const std::string& key, const proto::Suggest& request,
              const FrameHandler& on_frame);

}  // namespace inkfleet::terminal
