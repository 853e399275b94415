#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/http_message.hpp"

namespace inkfleet::net {

/// The answer to a plain request that takes its time. Who makes it knows no socket: it is asked for its next
/// part when it has said that there is one and what came before is written. So what waits for a slow reader
/// stays with it and can be merged. Everything happens on the connection's executor.
class HttpAnswer {
 public:
  struct Part {
    /// Comes first, once. With `last` it is the whole answer; else its body follows in pieces.
    std::optional<HttpResponse> head{};
    std::string piece{};  ///< of the body
    bool last = false;
  };

  virtual ~HttpAnswer() = default;

  /// What there is to write; nothing in it when there is nothing yet.
  virtual Part take() = 0;

  /// Everything is written, or nobody waits for it any more. The last call, made exactly once.
  virtual void on_closed() = 0;
};

/// Makes an answer; called once, on the connection's executor. The answer calls `changed` when there may be
/// more to take.
using AnswerFactory = std::function<std::unique_ptr<HttpAnswer>(std::function<void()> changed)>;

/// An answer that is there already.
AnswerFactory ready_answer(HttpResponse response);

}  // namespace inkfleet::net
