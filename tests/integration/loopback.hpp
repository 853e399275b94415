#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.hpp"
#include "net/http_server.hpp"
#include "net/spawn.hpp"

/// What the tests over real loopback sockets share: one io_context on the test's own thread, and waiting that
/// is bounded by a deadline.
namespace inkfleet::test {

using namespace std::chrono_literals;

inline constexpr auto kPatience = 10s;

/// Runs `io` until `done()` holds; false if it does not within the deadline.
inline bool run_until(boost::asio::io_context& io, const std::function<bool()>& done,
                      std::chrono::steady_clock::duration patience = kPatience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  io.restart();
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    io.run_one_for(20ms);
    if (io.stopped()) io.restart();
  }
  return true;
}

/// Runs a coroutine to its end on `io`; false if it has not ended within the deadline.
inline bool run_to_end(boost::asio::io_context& io, boost::asio::awaitable<void> work) {
  auto ended = std::make_shared<bool>(false);
  net::spawn(io.get_executor(), "test", std::move(work), net::OnFailure::kEndProgram,
             [ended] { *ended = true; });
  return run_until(io, [ended] { return *ended; });
}

inline net::tcp::endpoint any_port() {
  return net::parse_endpoint("test", "127.0.0.1:0");
}

}  // namespace inkfleet::test
