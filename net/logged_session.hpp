#pragma once

#include <memory>

#include "net/websocket.hpp"

namespace inkfleet::net {

/// The session, with all that its client writes in the log. Only where an operator asked for it: these are
/// people's texts.
std::unique_ptr<WebSocketSession> logged(std::unique_ptr<WebSocketSession> session);

/// Says in the log that it is so.
void warn_of_logged_prompts();

}  // namespace inkfleet::net
