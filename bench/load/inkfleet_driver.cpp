#include "bench/load/inkfleet_driver.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "net/ws_client.hpp"
#include "proto/error_code.hpp"
#include "proto/parse.hpp"
#include "proto/serialize.hpp"

namespace inkfleet::load {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kOpening = 10s;
constexpr auto kClosing = 5s;
constexpr auto kPoll = 5ms;

std::uint64_t number_of(const std::string& id) {
  std::uint64_t number = 0;
  std::from_chars(id.data(), id.data() + id.size(), number);
  return number;
}

/// Waits until `done()` holds or the time is over.
template <class Done>
asio::awaitable<void> wait_for(asio::any_io_executor executor, Clock::duration limit, Done done) {
  asio::steady_timer pause(executor);
  for (const auto end = Clock::now() + limit; !done() && Clock::now() < end;) {
    pause.expires_after(kPoll);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

}  // namespace

class InkfleetDriver::Connection : public net::WsClientEvents {
 public:
  Connection(const asio::any_io_executor& executor, const net::WebSocketUrl& url)
      : client_(executor, url, *this, {.user_agent = "inkfleet-bench"}) {}

  void start() { client_.start(); }
  void stop() { client_.stop(); }
  bool is_open() const { return client_.is_open(); }
  std::size_t live() const { return live_.size(); }

  void send(const proto::Suggest& request, std::uint64_t number, DriverEvents& events) {
    live_.emplace(number, Live{&events, {}});
    client_.send(proto::to_json(proto::ClientFrame(request)));
  }

  void abandon(std::string_view code) {
    for (const auto& [number, live] : live_) {
      client_.send(proto::to_json(proto::ClientFrame(proto::Cancel{.id = std::to_string(number)})));
    }
    fail_all(code);
  }

  void on_open() override {}
  void on_closed() override { fail_all("disconnected"); }
  void on_text(std::string_view text) override {
    const auto frame = proto::parse_server_frame(text);
    if (!frame) return spdlog::warn("the server sent what is no frame: {}", text.substr(0, 200));
    std::visit([this](const auto& known) { handle(known); }, *frame);
  }

 private:
  struct Live {
    DriverEvents* events;
    std::string failure;  // of a suggestion that ended before its time
  };

  void handle(const proto::Queued&) {}
  void handle(const proto::Started&) {}
  void handle(const proto::Prefilled&) {}

  void handle(const proto::Delta& delta) {
    const auto found = live_.find(number_of(delta.id));
    if (found == live_.end()) return;
    found->second.events->on_tokens(found->first, delta.index, static_cast<int>(delta.tokens.size()),
                                    Clock::now());
  }

  void handle(const proto::Finished& finished) {
    using enum proto::FinishReason;
    const auto found = live_.find(number_of(finished.id));
    if (found == live_.end() || finished.reason == kLength || finished.reason == kStop ||
        finished.reason == kEndOfText) {
      return;
    }
    found->second.failure = proto::name(finished.reason);
  }

  void handle(const proto::Completed& completed) {
    const auto found = live_.find(number_of(completed.id));
    if (found == live_.end()) return;
    const auto [number, live] = std::move(*found);
    live_.erase(found);
    if (live.failure.empty()) {
      live.events->on_completed(number, completed.usage, Clock::now());
    } else {
      live.events->on_failed(number, live.failure, Clock::now());
    }
  }

  void handle(const proto::Error& error) {
    const auto found = error.id ? live_.find(number_of(*error.id)) : live_.end();
    if (found == live_.end()) return spdlog::warn("{}: {}", proto::name(error.code), error.message);
    const auto [number, live] = std::move(*found);
    live_.erase(found);
    live.events->on_failed(number, proto::name(error.code), Clock::now());
  }

  void fail_all(std::string_view code) {
    for (const auto& [number, live] : std::exchange(live_, {})) {
      live.events->on_failed(number, code, Clock::now());
    }
  }

  std::unordered_map<std::uint64_t, Live> live_;
  net::WsClient client_;
};

InkfleetDriver::InkfleetDriver(asio::any_io_executor executor, const net::WebSocketUrl& url, int connections,
                               RequestShape shape)
    : executor_(std::move(executor)), url_(url.str()), shape_(shape) {
  for (int i = 0; i < connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(executor_, url));
  }
}

InkfleetDriver::~InkfleetDriver() = default;

asio::awaitable<void> InkfleetDriver::open() {
  for (const auto& connection : connections_) connection->start();
  const auto all_open = [this] { return std::ranges::all_of(connections_, &Connection::is_open); };
  co_await wait_for(executor_, kOpening, all_open);
  if (!all_open()) {
    throw std::runtime_error(
        fmt::format("{}: no {} connections within {} s; is a service of this model there?", url_,
                    connections_.size(), kOpening.count()));
  }
}

void InkfleetDriver::send(LoadRequest request, DriverEvents& events) {
  Connection* least = nullptr;
  for (const auto& connection : connections_) {
    if (connection->is_open() && (!least || connection->live() < least->live())) least = connection.get();
  }
  const auto now = Clock::now();
  if (!least) return events.on_failed(request.number, "disconnected", now);

  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(request.deadline - now);
  const std::chrono::milliseconds shortest(proto::limits::kDeadlineMs.min);
  proto::Suggest suggest{.id = std::to_string(request.number), .prompt = std::move(request.prompt)};
  suggest.n = shape_.n;
  suggest.max_tokens = shape_.max_tokens;
  suggest.temperature = shape_.temperature;
  suggest.top_k = shape_.top_k;
  suggest.seed = request.seed;
  suggest.deadline = std::max(left, shortest);
  least->send(suggest, request.number, events);
}

void InkfleetDriver::abandon(std::string_view code) {
  for (const auto& connection : connections_) connection->abandon(code);
}

asio::awaitable<void> InkfleetDriver::close() {
  for (const auto& connection : connections_) connection->stop();
  co_await wait_for(executor_, kClosing,
                    [this] { return std::ranges::none_of(connections_, &Connection::is_open); });
}

}  // namespace inkfleet::load
