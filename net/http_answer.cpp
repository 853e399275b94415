#include "net/http_answer.hpp"

#include <utility>

namespace inkfleet::net {

namespace {

class ReadyAnswer : public HttpAnswer {
 public:
  explicit ReadyAnswer(HttpResponse response) : response_(std::move(response)) {}

  Part take() override { return {.head = std::move(response_), .last = true}; }
  void on_closed() override {}

 private:
  HttpResponse response_;
};

}  // namespace

AnswerFactory ready_answer(HttpResponse response) {
  return [response = std::move(response)](const auto&) mutable {
    return std::make_unique<ReadyAnswer>(std::move(response));
  };
}

}  // namespace inkfleet::net
