// gateway_editors: many editors of one address, which measure how old what they read is.

#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "bench/gateway/clock.hpp"
#include "net/program.hpp"
#include "net/spawn.hpp"
#include "net/ws_client.hpp"
#include "proto/parse.hpp"
#include "proto/serialize.hpp"

namespace inkfleet::bench {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct Options {
  std::string url;
  std::size_t editors = 1;
  std::string pace;     ///< of their streams; empty: they are idle
  int n = 1;            ///< streams of each
  double warmup_s = 2;  ///< streams are read for so long
  double seconds = 10;  ///< and then measured
  int suggestions = 0;  ///< instead of streams: so many, one after the other, of one token
};

struct Measured {
  bool on = false;
  std::vector<std::int64_t> delays_us;
  std::size_t frames = 0;
  std::size_t errors = 0;
};

class Editor : public net::WsClientEvents {
 public:
  Editor(const asio::any_io_executor& executor, const net::WebSocketUrl& url, Measured& measured)
      : measured_(measured), client_(executor, url, *this, {.user_agent = "gateway_editors"}) {}

  void start() { client_.start(); }
  bool is_open() const { return client_.is_open(); }
  bool waits() const { return waits_; }
  std::int64_t answered_us() const { return answered_us_; }

  void ask(const std::string& pace, int tokens, int n = 1) {
    waits_ = true;
    client_.send(proto::to_json(proto::ClientFrame(proto::Suggest{
        .id = "a", .prompt = pace, .n = n, .max_tokens = tokens, .deadline = std::chrono::minutes(10)})));
  }

 private:
  void on_open() override {}
  void on_closed() override { ++measured_.errors; }
  void on_text(std::string_view text) override {
    const auto now = now_us();
    const auto frame = proto::parse_server_frame(text);
    if (const auto* delta = frame ? std::get_if<proto::Delta>(&*frame) : nullptr) {
      ++measured_.frames;
      if (measured_.on) note_delays(delta->text, now);
    } else if (frame && std::holds_alternative<proto::Error>(*frame)) {
      ++measured_.errors;
      waits_ = false;
    } else if (frame && std::holds_alternative<proto::Completed>(*frame)) {
      waits_ = false;
      answered_us_ = now;
    }
  }

  // Of each time in a text that may be several.
  void note_delays(const std::string& text, std::int64_t now) {
    for (std::size_t at = text.find(' '); at != std::string::npos; at = text.find(' ', at + 1)) {
      measured_.delays_us.push_back(now - std::atoll(text.c_str() + at));
    }
  }

  Measured& measured_;
  net::WsClient client_;
  bool waits_ = false;
  std::int64_t answered_us_ = 0;
};

using Editors = std::vector<std::unique_ptr<Editor>>;

asio::awaitable<void> pause(std::chrono::duration<double> time) {
  asio::steady_timer timer(co_await asio::this_coro::executor,
                           std::chrono::duration_cast<std::chrono::nanoseconds>(time));
  co_await timer.async_wait(asio::use_awaitable);
}

// So many at a time as a listener's queue holds for sure.
asio::awaitable<void> open_all(Editors& editors) {
  constexpr std::size_t kAtOnce = 64;
  for (std::size_t i = 0; i < editors.size(); ++i) {
    editors[i]->start();
    const auto& oldest = editors[i < kAtOnce ? 0 : i - kAtOnce];
    while (i >= kAtOnce && !oldest->is_open()) co_await pause(1ms);
  }
  for (const auto& editor : editors) {
    while (!editor->is_open()) co_await pause(1ms);
  }
}

asio::awaitable<void> until_stdin_closes() {
  asio::posix::stream_descriptor in(co_await asio::this_coro::executor, ::dup(0));
  char byte = 0;
  co_await asio::async_read(in, asio::buffer(&byte, 1), asio::as_tuple(asio::use_awaitable));
}

// Each begins at a time of its own, so that frames come evenly.
asio::awaitable<void> stream(Editors& editors, const Options& options, Measured& measured) {
  constexpr int kEndless = proto::limits::kMaxTokens.max;
  const auto begin = std::chrono::steady_clock::now();
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (std::size_t i = 0; i < editors.size(); ++i) {
    timer.expires_at(begin + std::chrono::microseconds(1'000'000 * i / editors.size()));
    co_await timer.async_wait(asio::use_awaitable);
    editors[i]->ask(options.pace, kEndless, options.n);
  }
  co_await pause(std::chrono::duration<double>(options.warmup_s));
  std::puts("begin");
  std::fflush(stdout);
  measured.on = true;
  co_await pause(std::chrono::duration<double>(options.seconds));
  measured.on = false;
}

asio::awaitable<void> suggest(Editor& editor, const Options& options, Measured& measured) {
  for (int i = 0; i < options.suggestions; ++i) {
    const auto begin = now_us();
    editor.ask("100000 0", 1);  // at once
    while (editor.waits()) co_await pause(500us);
    measured.delays_us.push_back(editor.answered_us() - begin);
  }
}

void report(Measured& measured) {
  auto& delays = measured.delays_us;
  std::ranges::sort(delays);
  const auto percentile = [&](double p) -> std::int64_t {
    return delays.empty() ? -1 : delays[static_cast<std::size_t>(p * static_cast<double>(delays.size() - 1))];
  };
  const nlohmann::json figures{{"frames", measured.frames},  {"errors", measured.errors},
                               {"measured", delays.size()},  {"p50_us", percentile(0.5)},
                               {"p99_us", percentile(0.99)}, {"max_us", percentile(1)}};
  std::puts(figures.dump().c_str());
  std::fflush(stdout);
}

asio::awaitable<void> run(Options options) {
  Measured measured;
  Editors editors;
  const auto url = net::parse_websocket_url("URL", options.url);
  const auto executor = co_await asio::this_coro::executor;
  for (std::size_t i = 0; i < options.editors; ++i) {
    editors.push_back(std::make_unique<Editor>(executor, url, measured));
  }
  co_await open_all(editors);
  std::puts("open");
  std::fflush(stdout);
  if (options.suggestions > 0) {
    co_await suggest(*editors.front(), options, measured);
  } else if (options.pace.empty()) {
    co_await until_stdin_closes();
  } else {
    co_await stream(editors, options, measured);
  }
  report(measured);
  std::_Exit(0);  // as an editor's machine that is switched off: thousands of goodbyes would be measured next
}

}  // namespace
}  // namespace inkfleet::bench

int main(int argc, char** argv) try {
  using namespace inkfleet;
  bench::Options options;
  net::Program program("gateway_editors",
                       "Opens many editors' connections and measures how old what they read is");
  program.cli().add_option("URL", options.url, "ws://HOST:PORT/MODEL")->required();
  program.cli().add_option("--editors", options.editors, "Connections");
  program.cli().add_option("--pace", options.pace,
                           "Each streams: \"FRAMES_A_SECOND PADDING\"; without, they are idle");
  program.cli().add_option("-n", options.n, "Streams of each");
  program.cli().add_option("--warmup", options.warmup_s, "Seconds before measuring");
  program.cli().add_option("--seconds", options.seconds, "Seconds of measuring");
  program.cli().add_option("--suggestions", options.suggestions,
                           "Instead: so many short requests, one after the other");
  return program.run(argc, argv, [&] {
    boost::asio::io_context io(1);
    net::spawn(io.get_executor(), "editors", bench::run(options), net::OnFailure::kEndProgram);
    io.run();
  });
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
