// gateway_stub: a model service without a model. Each suggestion streams at a fixed pace; the text of a delta
// is the time at which it was made, so that whoever reads it knows how long it was on its way. The prompt
// says how: "FRAMES_A_SECOND BYTES_OF_PADDING". GET /sent tells how many deltas there were by now.

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/gateway/clock.hpp"
#include "net/address.hpp"
#include "net/http_server.hpp"
#include "net/program.hpp"
#include "net/responses.hpp"
#include "net/spawn.hpp"
#include "proto/parse.hpp"

namespace inkfleet::bench {
namespace {

namespace asio = boost::asio;

struct Pace {
  double frames_a_second = 5;
  unsigned padding = 0;
};

std::int64_t sent_deltas = 0;

Pace pace_of(const std::string& prompt) {
  Pace pace;
  std::sscanf(prompt.c_str(), "%lf %u", &pace.frames_a_second, &pace.padding);
  return pace;
}

/// A request that streams until all its tokens are sent, it is cancelled, or its connection goes.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(const asio::any_io_executor& executor, std::shared_ptr<net::WebSocketPeer> peer,
         proto::Suggest suggest)
      : timer_(executor),
        peer_(std::move(peer)),
        suggest_(std::move(suggest)),
        pace_(pace_of(suggest_.prompt)),
        next_(std::chrono::steady_clock::now()) {}

  void start() {
    peer_->send(proto::Started{.id = suggest_.id, .model = "stub", .seed = suggest_.seed.value_or(0)});
    wait();
  }
  void stop() {
    stopped_ = true;
    timer_.cancel();
  }

 private:
  void wait() {
    next_ += std::chrono::microseconds(static_cast<std::int64_t>(1e6 / pace_.frames_a_second));
    timer_.expires_at(next_);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled && !self->stopped_) self->write();
    });
  }

  void write() {
    for (int index = 0; index < suggest_.n; ++index) {
      peer_->send(proto::Delta{.id = suggest_.id,
                               .index = index,
                               .offset = sent_,
                               .text = " " + std::to_string(now_us()) + std::string(pace_.padding, '.'),
                               .tokens = {sent_}});
    }
    sent_deltas += suggest_.n;
    if (++sent_ < suggest_.max_tokens) return wait();
    for (int index = 0; index < suggest_.n; ++index)
      peer_->send(proto::Finished{.id = suggest_.id, .index = index});
    peer_->send(proto::Completed{.id = suggest_.id, .receipt = {.model = "stub", .weights = "none"}});
  }

  asio::steady_timer timer_;
  std::shared_ptr<net::WebSocketPeer> peer_;
  proto::Suggest suggest_;
  Pace pace_;
  std::chrono::steady_clock::time_point next_;
  int sent_ = 0;
  bool stopped_ = false;
};

class Session : public net::WebSocketSession {
 public:
  Session(asio::any_io_executor executor, std::shared_ptr<net::WebSocketPeer> peer)
      : executor_(std::move(executor)), peer_(std::move(peer)) {}

  void on_text(std::string_view text) override {
    auto parsed = proto::parse_client_frame(text);
    const auto* frame = std::get_if<proto::ClientFrame>(&parsed);
    if (frame == nullptr) return spdlog::warn("not a frame: {}", text.substr(0, 200));
    if (const auto* suggest = std::get_if<proto::Suggest>(frame)) {
      const auto stream = std::make_shared<Stream>(executor_, peer_, *suggest);
      std::erase_if(streams_, [](const auto& entry) { return entry.second.expired(); });
      streams_[suggest->id] = stream;
      stream->start();
    } else if (const auto* cancel = std::get_if<proto::Cancel>(frame)) {
      if (const auto stream = streams_[cancel->id].lock()) stream->stop();
      peer_->send(proto::Completed{.id = cancel->id, .receipt = {.model = "stub", .weights = "none"}});
    }
  }
  void on_binary() override {}
  void on_closed() override {
    for (const auto& [id, weak] : streams_) {
      if (const auto stream = weak.lock()) stream->stop();
    }
  }

 private:
  asio::any_io_executor executor_;
  std::shared_ptr<net::WebSocketPeer> peer_;
  std::map<std::string, std::weak_ptr<Stream>> streams_;
};

class App : public net::HttpApp {
 public:
  explicit App(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  asio::awaitable<net::HttpResponse> handle(const net::HttpRequest& request,
                                            const asio::ip::address&) override {
    if (net::path_of(request) != "/sent") co_return net::health_response({});
    co_return net::json_response(boost::beast::http::status::ok, {{"deltas", sent_deltas}});
  }
  std::variant<net::SessionFactory, net::HttpResponse> upgrade(const net::HttpRequest&,
                                                               const asio::ip::address&) override {
    return [this](std::shared_ptr<net::WebSocketPeer> peer) {
      return std::make_unique<Session>(executor_, std::move(peer));
    };
  }

 private:
  asio::any_io_executor executor_;
};

void serve(const std::string& listen) {
  asio::io_context io(1);
  App app(io.get_executor());
  net::ServerOptions options{.connections = 20'000};
  options.connection.frame_limit = proto::limits::kServiceFrameBytes;
  options.connection.waiting_output = 0;
  net::HttpServer server(io.get_executor(), app, options);
  net::announce_listening(server.listen(net::parse_endpoint("--listen", listen)));
  net::announce_ready();
  io.run();
}

}  // namespace
}  // namespace inkfleet::bench

int main(int argc, char** argv) {
  using namespace inkfleet;
  net::Program program("gateway_stub", "Streams the time, at the pace that prompts ask for");
  program.add_server_flags();
  return program.run(argc, argv, [&] { bench::serve(program.flags().listen); });
}
