#pragma once

#include <netinet/tcp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/websocket.hpp>
#include <utility>

#include "net/deadline.hpp"
#include "net/handling.hpp"
#include "net/ws_connection.hpp"

/// The members of WsConnection, for those who instantiate it: ws_connection.cpp for TCP, tests for their
/// stream.
namespace inkfleet::net {

namespace detail {

inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// A read buffer that grew beyond this is given back after the message.
inline constexpr std::size_t kKeptBuffer = std::size_t{16} * 1024;

template <class Connection>
class PeerOf : public WebSocketPeer {
 public:
  explicit PeerOf(std::weak_ptr<Connection> connection) : connection_(std::move(connection)) {}

  void send(proto::ServerFrame frame) override {
    if (const auto open = connection_.lock()) open->send(std::move(frame));
  }
  void send_latest(std::string key, std::string text) override {
    if (const auto open = connection_.lock()) open->send_latest(std::move(key), std::move(text));
  }
  void close(CloseCode code, std::string_view reason) override {
    if (const auto open = connection_.lock()) open->close(code, reason);
  }
  void drop() override {
    if (const auto open = connection_.lock()) open->drop();
  }

 private:
  std::weak_ptr<Connection> connection_;  // weak: the connection owns the session, which owns this
};

}  // namespace detail

template <class Layer>
void WsConnection<Layer>::configure(Stream& stream, const ConnectionOptions& options) {
  stream.read_message_max(options.frame_limit);
  stream.auto_fragment(false);
  websocket::stream_base::timeout timeout{};
  timeout.handshake_timeout = options.handshake;
  // Beast's idle timer ends a connection however lively, or pings at half its time: the writer keeps both
  // times.
  timeout.idle_timeout = websocket::stream_base::none();
  stream.set_option(timeout);
}

template <class Layer>
WsConnection<Layer>::WsConnection(Stream stream, const ConnectionOptions& options)
    : stream_(std::move(stream)),
      options_(options),
      output_(stream_.get_executor()),
      room_(stream_.get_executor()) {}

template <class Layer>
std::shared_ptr<WebSocketPeer> WsConnection<Layer>::peer() {
  return std::make_shared<detail::PeerOf<WsConnection>>(this->weak_from_this());
}

template <class Layer>
asio::awaitable<void> WsConnection<Layer>::run(std::unique_ptr<WebSocketSession> session) {
  using namespace asio::experimental::awaitable_operators;
  const auto self = this->shared_from_this();
  session_ = std::move(session);
  last_heard_ = std::chrono::steady_clock::now();
  next_ping_ = last_heard_ + options_.ping_interval;
  stream_.control_callback([this](auto, auto) { last_heard_ = std::chrono::steady_clock::now(); });
  co_await (read_loop() && write_loop());
}

template <class Layer>
asio::awaitable<void> WsConnection<Layer>::read_loop() {
  beast::flat_buffer buffer;
  while (!over_) {
    co_await wait_for_room();
    const auto [error, size] = co_await stream_.async_read(buffer, detail::kAwait);
    if (error) {
      spdlog::debug("websocket over: {}", error.message());
      break;
    }
    last_heard_ = std::chrono::steady_clock::now();
    deliver({static_cast<const char*>(buffer.data().data()), size});
    buffer.consume(size);
    if (buffer.capacity() > detail::kKeptBuffer) buffer.shrink_to_fit();
  }
  end_session();
  drop();  // a write that is still under way ends now
}

template <class Layer>
asio::awaitable<void> WsConnection<Layer>::write_loop() {
  bool ok = true;
  while (ok && !over_) {
    if (is_idle()) {
      spdlog::info("websocket dropped: nothing heard for {} s", options_.idle_close.count() / 1000);
      ok = false;
    } else if (std::chrono::steady_clock::now() >= next_ping_) {
      ok = co_await ping();
    } else if (const auto cause = outbox_.next_cause(); auto text = outbox_.pop()) {
      if (!reader_is_behind()) room_.cancel();
      if (cause && session_) session_->on_write(std::chrono::steady_clock::now() - *cause);
      if (!outbox_.empty()) gather(true);
      ok = co_await write(std::move(*text));
      if (outbox_.empty()) gather(false);
    } else if (goodbye_) {
      co_await say_goodbye();
      ok = false;
    } else {
      co_await wait_for_output();
    }
  }
  drop();
}

/// While more is to be written the system holds back what does not fill a packet: the frames of a step leave,
/// and wake whoever reads them, together. With the last one all is let go.
template <class Layer>
void WsConnection<Layer>::gather(bool more_follows) {
  if (more_follows == gathering_ || over_) return;
  gathering_ = more_follows;
#ifdef TCP_CORK
  if constexpr (requires { beast::get_lowest_layer(stream_).socket(); }) {
    using Cork = asio::detail::socket_option::boolean<IPPROTO_TCP, TCP_CORK>;
    beast::error_code ignored;  // then they leave one by one
    beast::get_lowest_layer(stream_).socket().set_option(Cork(more_follows), ignored);
  }
#endif
}

template <class Layer>
asio::awaitable<bool> WsConnection<Layer>::write(std::string text) {
  const Deadline stuck(stream_.get_executor(), options_.stuck_reader, [this] {
    spdlog::info("websocket dropped: the other end has not read for {} s",
                 options_.stuck_reader.count() / 1000);
    drop();
  });
  const auto [error, size] = co_await stream_.async_write(asio::buffer(text), detail::kAwait);
  co_return !error;
}

template <class Layer>
asio::awaitable<bool> WsConnection<Layer>::ping() {
  const Deadline stuck(stream_.get_executor(), options_.stuck_reader, [this] { drop(); });
  next_ping_ = std::chrono::steady_clock::now() + options_.ping_interval;
  const auto [error] = co_await stream_.async_ping({}, detail::kAwait);
  co_return !error;
}

template <class Layer>
asio::awaitable<void> WsConnection<Layer>::say_goodbye() {
  const Deadline unanswered(stream_.get_executor(), options_.handshake, [this] { drop(); });
  const websocket::close_reason reason(static_cast<websocket::close_code>(goodbye_->code), goodbye_->reason);
  co_await stream_.async_close(reason, detail::kAwait);
}

template <class Layer>
asio::awaitable<void> WsConnection<Layer>::wait_for_output() {
  output_.expires_at(std::min(next_ping_, last_heard_ + options_.idle_close));
  co_await output_.async_wait(detail::kAwait);
}

template <class Layer>
asio::awaitable<void> WsConnection<Layer>::wait_for_room() {
  while (reader_is_behind() && !over_) {
    room_.expires_at(std::chrono::steady_clock::time_point::max());
    co_await room_.async_wait(detail::kAwait);
    last_heard_ = std::chrono::steady_clock::now();  // nobody listened meanwhile
  }
}

template <class Layer>
bool WsConnection<Layer>::is_idle() const {
  return !reader_is_behind() && std::chrono::steady_clock::now() >= last_heard_ + options_.idle_close;
}

template <class Layer>
bool WsConnection<Layer>::reader_is_behind() const {
  return options_.waiting_output != 0 && outbox_.bytes() > options_.waiting_output;
}

template <class Layer>
void WsConnection<Layer>::deliver(std::string_view message) {
  if (goodbye_) return;
  const Handling handling(this, last_heard_);
  try {
    if (stream_.got_text()) {
      session_->on_text(message);
    } else {
      session_->on_binary();
    }
  } catch (const std::exception& e) {
    spdlog::error("session ended by its own failure: {}", e.what());
    close(CloseCode::kInternalError, "internal error");
  }
}

template <class Layer>
void WsConnection<Layer>::end_session() {
  if (!session_) return;
  const auto session = std::move(session_);
  over_ = true;
  outbox_.clear();
  session->on_closed();
}

template <class Layer>
void WsConnection<Layer>::send(proto::ServerFrame frame) {
  if (over_ || goodbye_) return;
  outbox_.push(std::move(frame), Handling::read_elsewhere(this));
  output_changed();
}

template <class Layer>
void WsConnection<Layer>::send_latest(std::string key, std::string text) {
  if (over_ || goodbye_) return;
  outbox_.push_latest(std::move(key), std::move(text), Handling::read_elsewhere(this));
  output_changed();
}

template <class Layer>
void WsConnection<Layer>::output_changed() {
  output_.cancel();
  if (options_.waiting_output == 0 || outbox_.bytes() <= options_.waiting_output * options_.waiting_factor)
    return;
  spdlog::info("websocket dropped: {} bytes wait for an end that does not read", outbox_.bytes());
  drop();
}

template <class Layer>
void WsConnection<Layer>::close(CloseCode code, std::string_view reason) {
  if (over_ || goodbye_) return;
  goodbye_ = Goodbye{code, std::string(reason)};
  output_.cancel();
}

template <class Layer>
void WsConnection<Layer>::drop() {
  over_ = true;
  outbox_.clear();
  output_.cancel();
  room_.cancel();
  beast::get_lowest_layer(stream_).close();
}

}  // namespace inkfleet::net
