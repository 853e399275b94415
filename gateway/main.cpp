// inkfleet-gateway: one address for editors, in front of the model services.

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>

#include "gateway/config.hpp"
#include "gateway/gateway_app.hpp"
#include "gateway/reload.hpp"
#include "net/http_server.hpp"
#include "net/logged_session.hpp"
#include "net/program.hpp"
#include "net/server_limits.hpp"
#include "net/spawn.hpp"
#include "net/supervisor.hpp"

namespace inkfleet::gateway {
namespace {

constexpr std::chrono::seconds kGoodbye{5};

constexpr const char* kFooter =
    "Example of a configuration:\n"
    "  {\"listen\": \"127.0.0.1:8080\",\n"
    "   \"routes\": [{\"suffix\": \"/gpt2\", \"upstreams\": [\"ws://127.0.0.1:9001/gpt2\"]}]}\n"
    "\n"
    "Editors connect to ws://127.0.0.1:8080/gpt2, OpenAI's clients to http://127.0.0.1:8080/v1.\n"
    "SIGHUP reads the configuration again. Exit status: 0 after SIGTERM; 1 for a failure, told in one line;\n"
    "2 for wrong usage. Each flag has a variable: --log-level is INKFLEET_LOG_LEVEL. docs/configuration.md "
    "says more.";

struct Servers {
  net::HttpServer editors;
  std::optional<net::HttpServer> admin;
};

net::asio::awaitable<void> reload_at(net::asio::signal_set& hangup, Reload& reload) {
  constexpr auto kAwait = net::asio::as_tuple(net::asio::use_awaitable);
  while (true) {
    const auto [stopped, signal] = co_await hangup.async_wait(kAwait);
    if (stopped) break;
    reload.run();
  }
}

net::asio::awaitable<void> serve_until_terminated(Servers& servers, GatewayApp& app,
                                                  net::asio::signal_set& hangup,
                                                  net::WatchdogFeed& watchdog) {
  co_await net::termination_signal();
  hangup.cancel();
  app.drain();
  co_await servers.editors.stop(kGoodbye);
  if (servers.admin) co_await servers.admin->stop(kGoodbye);
  app.stop();
  watchdog.stop();
}

/// What an operator should know of a configuration.
void tell(const Config& config) {
  if (config.auth.keys) spdlog::info("{} API keys", config.auth.keys->size());
  if (config.server.tls) spdlog::info("speaking TLS");
  if (!config.page) spdlog::info("there is no page: it was not built, or is switched off");
  if (config.log_prompts) net::warn_of_logged_prompts();
}

void serve(const std::function<Config()>& load) {
  const auto config = load();
  net::asio::io_context io(1);  // one thread runs it: nothing below needs a strand
  net::asio::signal_set hangup(io, SIGHUP);
  net::Metrics metrics;
  GatewayApp app(io.get_executor(), config, metrics);
  net::AdminApp admin_app(metrics);
  const auto descriptors = net::raise_descriptor_limit();
  Servers servers{
      .editors = net::HttpServer(io.get_executor(), app, net::fit_descriptors(config.server, descriptors))};
  const auto address = servers.editors.listen(net::parse_endpoint("--listen", config.listen));
  if (!config.admin_listen.empty()) {
    servers.admin.emplace(io.get_executor(), admin_app);
    const auto admin = servers.admin->listen(net::parse_endpoint("--admin-listen", config.admin_listen));
    spdlog::info("metrics on {}", net::to_string(admin));
  }
  Reload reload(config, load, [&](const Config& changed) {
    app.reload(changed);
    servers.editors.set_options(net::fit_descriptors(changed.server, descriptors));
    tell(changed);
  });
  tell(config);
  app.start();
  net::spawn(io.get_executor(), "reload", reload_at(hangup, reload), net::OnFailure::kEndProgram);
  net::WatchdogFeed watchdog(io.get_executor(), [] { return true; });
  net::spawn(io.get_executor(), "gateway", serve_until_terminated(servers, app, hangup, watchdog),
             net::OnFailure::kEndProgram);
  // Behind the first steps of what was spawned: whoever reads "ready" may send SIGTERM at once.
  net::asio::post(io, [address] {
    net::announce_listening(address);
    net::announce_ready();
  });
  io.run();
}

}  // namespace
}  // namespace inkfleet::gateway

int main(int argc, char** argv) try {
  using namespace inkfleet;
  net::Program program("inkfleet-gateway", "One address for editors, in front of the model services.");
  program.add_server_flags();
  program.cli().footer(gateway::kFooter);
  std::string file;
  std::string page;
  bool log_prompts = false;
  program.cli().add_option("--config", file, "JSON file: address, routes, services")->required();
  program.cli().add_option("--page", page, "Folder of the page where people write, or `off`");
  program.cli().add_flag("--log-prompts", log_prompts, "Log all that editors write: people's texts");
  const auto load = [&] {
    auto config = gateway::load_config(file);
    if (!program.flags().listen.empty()) config.listen = program.flags().listen;
    if (!program.flags().admin_listen.empty()) config.admin_listen = program.flags().admin_listen;
    if (!page.empty()) config.page_folder = page;
    config.page = gateway::load_page(config.page_folder);
    config.log_prompts = config.log_prompts || log_prompts;
    return config;
  };
  return program.run(argc, argv, [&] { gateway::serve(load); });
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
