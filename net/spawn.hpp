#pragma once

#include <exception>
#include <functional>
#include <string>

#include "net/aliases.hpp"

namespace inkfleet::net {

/// What happens when a spawned coroutine ends with an exception; it is logged in either case.
enum class OnFailure {
  kEndTask,     ///< only this task is over: one connection, one request
  kEndProgram,  ///< rethrown out of io_context::run(): a program that cannot go on without it
};

/// Starts `work` on `executor`. The only way this project starts a coroutine, so that none ends unheard.
/// `name` appears in the log; `on_end`, if given, is called on `executor` once it is over, however it ended.
/// Pass arguments to the coroutine, not captures of a temporary lambda: those die at the first suspension.
void spawn(const asio::any_io_executor& executor, std::string name, asio::awaitable<void> work,
           OnFailure on_failure = OnFailure::kEndTask, std::function<void()> on_end = {});

}  // namespace inkfleet::net
