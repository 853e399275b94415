#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gateway/openai_completion.hpp"
#include "gateway/relay.hpp"
#include "net/http_answer.hpp"

namespace inkfleet::gateway {

/// The answer to one POST /v1/completions: asks the relay for each of its prompts, and stops asking when the
/// client goes away. Knows no socket.
class CompletionAnswer : public net::HttpAnswer {
 public:
  /// Asks at once. `id` and `created` are what the answer is called and when it was begun, in seconds since
  /// 1970.
  CompletionAnswer(Relay& relay, CompletionRequest request, const Caller& caller, std::string id,
                   std::int64_t created, std::function<void()> changed, Clock::time_point now);

  Part take() override;
  void on_closed() override;

 private:
  void ask(std::size_t prompt, const Caller& caller, Clock::time_point now);
  Part next();
  Part take_error(const proto::Error& error);
  Part take_events();

  Relay& relay_;
  Completion completion_;
  std::string trace_id_;
  std::function<void()> changed_;
  std::vector<Relay::Ticket> tickets_;  // some may have ended
  bool begun_ = false;                  // the head was given out
  bool over_ = false;
};

}  // namespace inkfleet::gateway
