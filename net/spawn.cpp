#include "net/spawn.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>

namespace inkfleet::net {

namespace {

void log_failure(const std::string& name, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    spdlog::error("{}: {}", name, e.what());
  }
}

}  // namespace

void spawn(const asio::any_io_executor& executor, std::string name, asio::awaitable<void> work,
           OnFailure on_failure, std::function<void()> on_end) {
  auto ended = [name = std::move(name), on_failure,
                on_end = std::move(on_end)](const std::exception_ptr& failure) {
    if (failure) log_failure(name, failure);
    if (on_end) on_end();
    if (failure && on_failure == OnFailure::kEndProgram) std::rethrow_exception(failure);
  };
  // Without the bind, a cancellation would run on the emitter's thread.
  asio::co_spawn(executor, std::move(work), asio::bind_executor(executor, std::move(ended)));
}

}  // namespace inkfleet::net
