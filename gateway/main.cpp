// inkfleet-gateway: one address for editors, in front of the model services.

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <optional>

#include "gateway/config.hpp"
#include "gateway/gateway_app.hpp"
#include "net/http_server.hpp"
#include "net/program.hpp"
#include "net/spawn.hpp"

namespace inkfleet::gateway {
namespace {

constexpr std::chrono::seconds kGoodbye{5};

struct Servers {
  net::HttpServer editors;
  std::optional<net::HttpServer> admin;
};

net::asio::awaitable<void> serve_until_terminated(Servers& servers, GatewayApp& app) {
  co_await net::termination_signal();
  app.drain();
  co_await servers.editors.stop(kGoodbye);
  if (servers.admin) co_await servers.admin->stop(kGoodbye);
  app.stop();
}

void serve(const Config& config) {
  net::asio::io_context io(1);  // one thread runs it: nothing below needs a strand
  net::Metrics metrics;
  GatewayApp app(io.get_executor(), config, metrics);
  net::AdminApp admin_app(metrics);
  Servers servers{.editors = net::HttpServer(io.get_executor(), app)};
  const auto address = servers.editors.listen(net::parse_endpoint("--listen", config.listen));
  if (!config.admin_listen.empty()) {
    servers.admin.emplace(io.get_executor(), admin_app);
    const auto admin = servers.admin->listen(net::parse_endpoint("--admin-listen", config.admin_listen));
    spdlog::info("metrics on {}", net::to_string(admin));
  }
  app.start();
  net::spawn(io.get_executor(), "gateway", serve_until_terminated(servers, app), net::OnFailure::kEndProgram);
  net::announce_listening(address);
  net::announce_ready();
  io.run();
}

}  // namespace
}  // namespace inkfleet::gateway

int main(int argc, char** argv) {
  using namespace inkfleet;
  net::Program program("inkfleet-gateway", "One address for editors, in front of the model services");
  std::string file;
  program.cli().add_option("--config", file, "JSON file: address, routes, services")->required();
  return program.run(argc, argv, [&] {
    auto config = gateway::load_config(file);
    if (!program.flags().listen.empty()) config.listen = program.flags().listen;
    if (!program.flags().admin_listen.empty()) config.admin_listen = program.flags().admin_listen;
    gateway::serve(config);
  });
}
