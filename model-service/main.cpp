// inkfleet-model: serves one GPT-2 over WebSocket.

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "model-service/engine_host.hpp"
#include "model-service/gpt2/cpu_probe.hpp"
#include "model-service/service/service_app.hpp"
#include "net/address.hpp"
#include "net/http_server.hpp"
#include "net/program.hpp"
#include "net/spawn.hpp"

namespace inkfleet::service {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct ServiceFlags {
  ModelFlags model;
  int max_queue = static_cast<int>(proto::limits::kQueuedRequests);
  int drain_seconds = 30;
  std::string prefix_cache = "on";
};

// Lets what runs finish, within a limit, while nothing new is taken.
asio::awaitable<void> shut_down(asio::io_context& io, ServiceState& state, net::HttpServer& server,
                                std::chrono::seconds limit) {
  co_await net::termination_signal();
  state.draining = true;
  const auto end = std::chrono::steady_clock::now() + limit;
  asio::steady_timer pause(io);
  while (state.dispatcher.live() > 0 && std::chrono::steady_clock::now() < end) {
    pause.expires_after(20ms);
    co_await pause.async_wait(asio::use_awaitable);
  }
  co_await server.stop(5s);
  io.stop();
}

void serve(const net::CommonFlags& flags, const ServiceFlags& own) {
  net::Metrics metrics;
  ServiceMetrics service_metrics(metrics);
  ServiceState state;
  state.name = own.model.name;
  health::Prober prober(gpt2::probe_cpu, 500ms);
  ServiceApp app(state, prober, metrics, service_metrics);
  net::AdminApp admin_app(metrics);

  asio::io_context io(1);
  net::HttpServer server(io.get_executor(), app,
                         {.connection = {.frame_limit = proto::limits::kServiceFrameBytes}});
  std::optional<net::HttpServer> admin;
  if (!flags.admin_listen.empty()) {
    admin.emplace(io.get_executor(), admin_app);
    const auto address = admin->listen(net::parse_endpoint("--admin-listen", flags.admin_listen));
    spdlog::info("metrics on {}", net::to_string(address));
  }
  net::announce_listening(server.listen(net::parse_endpoint("--listen", flags.listen)));

  const EngineHost host(io.get_executor(), own.model,
                        {.max_queue = own.max_queue, .prefix_cache = own.prefix_cache == "on"}, state,
                        service_metrics, net::announce_ready);
  net::spawn(io.get_executor(), "shutdown",
             shut_down(io, state, server, std::chrono::seconds(own.drain_seconds)),
             net::OnFailure::kEndProgram);
  io.run();
}

}  // namespace
}  // namespace inkfleet::service

int main(int argc, char** argv) {
  using namespace inkfleet;
  net::Program program("inkfleet-model", "Serves one GPT-2 model over WebSocket.");
  program.flags().listen = "127.0.0.1:9001";
  service::ServiceFlags flags;
  auto& cli = program.cli();
  flags.model.add_to(cli);
  cli.add_option("--name", flags.model.name, "The model's name: its URL suffix, without the slash")
      ->required();
  cli.add_option("--max-queue", flags.max_queue, "Requests that may wait; beyond, they are refused at once")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  cli.add_option("--prefix-cache", flags.prefix_cache, "Reuse keys and values of equal beginnings of texts")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  cli.add_option("--drain-seconds", flags.drain_seconds,
                 "How long running requests may take to finish on SIGTERM")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  return program.run(argc, argv, [&] { service::serve(program.flags(), flags); });
}
