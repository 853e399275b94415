#pragma once

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <string>
#include <utility>

#include "net/http_answer.hpp"
#include "net/responses.hpp"

namespace inkfleet::net {

/// Writes one HttpAnswer to a connection as it comes, and listens meanwhile: an other end that goes away is
/// noticed at once, and the answer told.
template <class Layer>
class AnswerWriter {
 public:
  struct Options {
    unsigned version = 11;  ///< of the request: HTTP/1.0 knows no chunks
    bool keep_alive = true;
    std::chrono::milliseconds stuck_reader{};  ///< one write may take this long
  };

  /// What arrives meanwhile, the beginning of a next request, is left in `buffer`. More of it than kReadAhead
  /// is not kept, and the connection ends with the answer.
  AnswerWriter(Layer& layer, beast::flat_buffer& buffer, Options options)
      : layer_(layer), buffer_(buffer), options_(options), more_(layer.get_executor()) {}

  /// Writes the answer to its end; false when the connection is good for nothing more. Call once.
  asio::awaitable<bool> run(AnswerFactory make);

 private:
  static constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
  static constexpr std::size_t kRead = 4096;
  static constexpr std::size_t kReadAhead = std::size_t{16} * 1024;

  beast::tcp_stream& transport() { return beast::get_lowest_layer(layer_); }
  bool chunked() const { return options_.version >= 11; }
  bool keeps() const { return options_.keep_alive && !overrun_ && (whole_ || chunked()); }

  asio::awaitable<void> listen();
  asio::awaitable<void> write_all();
  asio::awaitable<void> write(HttpAnswer::Part part);
  asio::awaitable<void> write_head(HttpResponse head);
  asio::awaitable<void> write_body(std::string piece, bool last);
  asio::awaitable<void> wait();
  HttpAnswer::Part next();
  void changed();
  void lose();

  Layer& layer_;
  beast::flat_buffer& buffer_;
  Options options_;
  std::unique_ptr<HttpAnswer> answer_;
  asio::steady_timer more_;  // cancelled when there is more to take
  bool begun_ = false;       // the head is written
  bool whole_ = false;       // the head was all
  bool over_ = false;        // all is written
  bool gone_ = false;        // so is the other end
  bool overrun_ = false;     // more has come than is kept
  bool listening_ = false;
};

template <class Layer>
asio::awaitable<bool> AnswerWriter<Layer>::run(AnswerFactory make) {
  using namespace asio::experimental::awaitable_operators;
  // The answer may tell of changes as long as it lives, which is not longer than this.
  answer_ = make([this] { changed(); });
  try {
    co_await (listen() && write_all());
  } catch (...) {
    answer_->on_closed();
    throw;
  }
  answer_->on_closed();
  co_return !gone_ && keeps();
}

template <class Layer>
asio::awaitable<void> AnswerWriter<Layer>::listen() {
  while (!over_ && !gone_) {
    transport().expires_never();
    listening_ = true;
    const auto [error, size] = co_await layer_.async_read_some(buffer_.prepare(kRead), kAwait);
    listening_ = false;
    buffer_.commit(size);
    if (error && !over_) lose();
    // Only who is read from is seen to go away.
    if (buffer_.size() > kReadAhead) {
      overrun_ = true;
      buffer_.clear();
    }
  }
}

template <class Layer>
asio::awaitable<void> AnswerWriter<Layer>::write_all() {
  while (!over_ && !gone_) {
    auto part = next();
    if (part.head || part.last || !part.piece.empty()) {
      co_await write(std::move(part));
    } else if (!gone_) {
      co_await wait();
    }
  }
  if (listening_) transport().cancel();
}

template <class Layer>
asio::awaitable<void> AnswerWriter<Layer>::write(HttpAnswer::Part part) {
  const bool last = part.last;
  if (part.head) {
    whole_ = last;
    co_await write_head(*std::move(part.head));
  }
  if (!gone_ && !whole_) co_await write_body(std::move(part.piece), last);
  over_ = last;
}

template <class Layer>
asio::awaitable<void> AnswerWriter<Layer>::write_head(HttpResponse head) {
  begun_ = true;
  head.version(options_.version);
  head.keep_alive(keeps());
  if (whole_) {
    head.prepare_payload();
  } else if (chunked()) {
    head.chunked(true);
  }
  http::response_serializer<http::string_body> serializer(head);
  transport().expires_after(options_.stuck_reader);
  beast::error_code error;
  if (whole_) {
    std::tie(error, std::ignore) = co_await http::async_write(layer_, serializer, kAwait);
  } else {
    std::tie(error, std::ignore) = co_await http::async_write_header(layer_, serializer, kAwait);
  }
  if (error) lose();
}

template <class Layer>
asio::awaitable<void> AnswerWriter<Layer>::write_body(std::string piece, bool last) {
  std::string bytes = std::move(piece);
  if (chunked() && !bytes.empty()) bytes = fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
  if (chunked() && last) bytes += "0\r\n\r\n";
  transport().expires_after(options_.stuck_reader);
  const auto [error, size] = co_await asio::async_write(layer_, asio::buffer(bytes), kAwait);
  if (error) lose();
}

template <class Layer>
asio::awaitable<void> AnswerWriter<Layer>::wait() {
  more_.expires_at(std::chrono::steady_clock::time_point::max());
  co_await more_.async_wait(kAwait);
}

// Whatever fails in the answer ends it alone, and its cause goes to the log only.
template <class Layer>
HttpAnswer::Part AnswerWriter<Layer>::next() {
  try {
    return answer_->take();
  } catch (const std::exception& e) {
    spdlog::error("answer ended by its own failure: {}", e.what());
  }
  if (begun_) lose();
  if (begun_) return {};
  return {.head = error_response(http::status::internal_server_error, "internal", "internal error"),
          .last = true};
}

template <class Layer>
void AnswerWriter<Layer>::changed() {
  more_.cancel();
}

template <class Layer>
void AnswerWriter<Layer>::lose() {
  gone_ = true;
  more_.cancel();
  transport().cancel();  // a write that nobody reads
}

}  // namespace inkfleet::net
