#include "net/logged_session.hpp"

#include <spdlog/spdlog.h>

#include <string>

#include "proto/json.hpp"

namespace inkfleet::net {

namespace {

class LoggedSession : public WebSocketSession {
 public:
  explicit LoggedSession(std::unique_ptr<WebSocketSession> session) : session_(std::move(session)) {}

  void on_text(std::string_view text) override {
    spdlog::info("received {}", proto::dump_json(std::string(text)));  // one line, whatever it holds
    session_->on_text(text);
  }
  void on_binary() override { session_->on_binary(); }
  void on_write(std::chrono::steady_clock::duration since) override { session_->on_write(since); }
  void on_closed() override { session_->on_closed(); }

 private:
  std::unique_ptr<WebSocketSession> session_;
};

}  // namespace

std::unique_ptr<WebSocketSession> logged(std::unique_ptr<WebSocketSession> session) {
  return std::make_unique<LoggedSession>(std::move(session));
}

void warn_of_logged_prompts() {
  spdlog::warn("prompts are logged: all that editors write goes to this log");
}

}  // namespace inkfleet::net
