#include "bench/load/llama_driver.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "bench/load/sse.hpp"
#include "net/deadline.hpp"
#include "net/spawn.hpp"
#include "proto/json.hpp"

namespace inkfleet::load {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using proto::Json;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// Fields of an object that a foreign server wrote, or what stands for them.
int int_of(const Json& object, const char* name, int otherwise) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<int>() : otherwise;
}
bool is_true(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}
std::string string_of(const Json& object, const char* name, const char* otherwise) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

/// Sampling as ours: temperature among the top_k, and no other filter or penalty.
std::string completion_body(const LoadRequest& request, const RequestShape& shape) {
  constexpr std::uint64_t kSeeds = std::uint64_t{1} << 31U;  // theirs have 32 bits, the last one means "any"
  const Json body = {{"prompt", request.prompt},
                     {"n_predict", shape.max_tokens},
                     {"n_cmpl", shape.n},
                     {"stream", true},
                     {"cache_prompt", true},
                     {"samplers", Json::array({"top_k", "temperature"})},
                     {"temperature", shape.temperature},
                     {"top_k", shape.top_k},
                     {"seed", request.seed % kSeeds}};
  return proto::dump_json(body);
}

}  // namespace

/// One request and its answer.
class LlamaDriver::Exchange {
 public:
  Exchange(asio::any_io_executor executor, LoadRequest request, DriverEvents& events, int suggestions)
      : request_(std::move(request)),
        events_(events),
        open_(suggestions),
        tokens_(static_cast<std::size_t>(suggestions)),
        stream_(std::move(executor)) {}

  std::uint64_t number() const { return request_.number; }

  /// Ends the request now; nothing follows.
  void cut(std::string_view code) {
    end(code);
    stream_.close();
  }

  asio::awaitable<void> run(const tcp::resolver::results_type& addresses, const net::WebSocketUrl& url,
                            const RequestShape& shape) {
    const net::Deadline late(stream_.get_executor(), request_.deadline - Clock::now(),
                             [this] { cut("deadline"); });
    const auto [unreachable, address] = co_await stream_.async_connect(addresses, kAwait);
    if (unreachable) co_return end("unreachable");
    stream_.socket().set_option(tcp::no_delay(true));

    http::request<http::string_body> post(http::verb::post, url.path, 11, completion_body(request_, shape));
    post.set(http::field::host, url.authority());
    post.set(http::field::user_agent, "inkfleet-bench");
    post.set(http::field::content_type, "application/json");
    post.keep_alive(false);
    post.prepare_payload();
    const auto [broken, size] = co_await http::async_write(stream_, post, kAwait);
    if (broken) co_return end("disconnected");
    co_await read_answer();
  }

 private:
  asio::awaitable<void> read_answer() {
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    SseParser events;
    while (!ended_ && !parser.is_done()) {
      const auto [error, size] = co_await http::async_read_some(stream_, buffer, parser, kAwait);
      if (error) co_return end("disconnected");
      if (!parser.is_header_done()) continue;
      if (parser.get().result() != http::status::ok) {
        co_return end("http_" + std::to_string(parser.get().result_int()));
      }
      auto& body = parser.get().body();
      events.feed(body, [this](std::string_view data) { on_data(data); });
      body.clear();
    }
    end("incomplete");
  }

  void on_data(std::string_view data) {
    const auto parsed = proto::parse_json(data);
    const auto* json = std::get_if<Json>(&parsed);
    if (ended_) return;
    if (!json || !json->is_object()) return end("bad_answer");
    if (const auto error = json->find("error"); error != json->end()) {
      return end(string_of(*error, "type", "error"));
    }
    const int index = int_of(*json, "index", 0);
    if (index < 0 || static_cast<std::size_t>(index) >= tokens_.size()) return end("bad_answer");
    if (is_true(*json, "stop")) {
      on_finished(index, *json);
    } else {
      on_piece(index, *json);
    }
  }

  /// Pieces carry a running total, so tokens held back for half a character are counted with the next piece.
  void on_piece(int index, const Json& piece) {
    int& known = tokens_[static_cast<std::size_t>(index)];
    const int fresh = int_of(piece, "tokens_predicted", known + 1) - known;
    if (fresh <= 0) return;
    known += fresh;
    events_.on_tokens(number(), index, fresh, Clock::now());
  }

  void on_finished(int index, const Json& last) {
    usage_.completion_tokens += int_of(last, "tokens_predicted", 0);
    if (index == 0) {  // the others take over its prompt
      usage_.prompt_tokens = int_of(last, "tokens_evaluated", 0);
      const auto timings = last.find("timings");
      if (timings != last.end()) usage_.cached_tokens = int_of(*timings, "cache_n", 0);
    }
    if (--open_ > 0) return;
    ended_ = true;
    events_.on_completed(number(), usage_, Clock::now());
  }

  void end(std::string_view failure) {
    if (std::exchange(ended_, true)) return;
    events_.on_failed(number(), failure, Clock::now());
  }

  LoadRequest request_;
  DriverEvents& events_;
  int open_;                 // suggestions that have not finished
  std::vector<int> tokens_;  // that came, by suggestion
  proto::Usage usage_;
  beast::tcp_stream stream_;
  bool ended_ = false;
};

LlamaDriver::LlamaDriver(asio::any_io_executor executor, net::WebSocketUrl url, RequestShape shape)
    : executor_(std::move(executor)), url_(std::move(url)), shape_(shape) {}

LlamaDriver::~LlamaDriver() = default;

asio::awaitable<void> LlamaDriver::open() {
  tcp::resolver resolver(executor_);
  beast::tcp_stream probe(executor_);
  const auto [unknown, addresses] = co_await resolver.async_resolve(url_.host, url_.port, kAwait);
  if (unknown) throw std::runtime_error(url_.authority() + ": " + unknown.message() + "; check the URL");
  addresses_ = addresses;
  const auto [unreachable, address] = co_await probe.async_connect(addresses_, kAwait);
  if (unreachable) {
    throw std::runtime_error(url_.authority() + ": " + unreachable.message() + "; is the server running?");
  }
}

void LlamaDriver::send(LoadRequest request, DriverEvents& events) {
  auto exchange = std::make_shared<Exchange>(executor_, std::move(request), events, shape_.n);
  live_.emplace(exchange->number(), exchange);
  net::spawn(executor_, "request", converse(std::move(exchange)));
}

asio::awaitable<void> LlamaDriver::converse(std::shared_ptr<Exchange> exchange) {
  co_await exchange->run(addresses_, url_, shape_);
  live_.erase(exchange->number());
}

void LlamaDriver::abandon(std::string_view code) {
  for (const auto& [number, exchange] : live_) exchange->cut(code);
}

asio::awaitable<void> LlamaDriver::close() {
  abandon("abandoned");
  co_return;
}

net::WebSocketUrl parse_llama_url(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  try {
    if (!text.starts_with(kScheme)) throw std::runtime_error("no http://");
    auto url = net::parse_websocket_url("URL", "ws://" + std::string(text.substr(kScheme.size())));
    if (url.path == "/") url.path = "/completion";
    return url;
  } catch (const std::runtime_error&) {
    throw std::runtime_error("URL: expected http://HOST:PORT such as http://127.0.0.1:8080, found \"" +
                             std::string(text) + "\"");
  }
}

}  // namespace inkfleet::load
