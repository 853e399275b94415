// inkfleet-model: serves one GPT-2 over WebSocket.

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "model-service/compute_device.hpp"
#include "model-service/device_probe.hpp"
#include "model-service/engine_host.hpp"
#include "model-service/faults/faulty_device.hpp"
#include "model-service/lifecycle.hpp"
#include "model-service/model_check.hpp"
#include "model-service/service/service_app.hpp"
#include "model-service/service_flags.hpp"
#include "net/address.hpp"
#include "net/http_server.hpp"
#include "net/logged_session.hpp"
#include "net/program.hpp"
#include "net/server_limits.hpp"
#include "net/spawn.hpp"
#include "net/supervisor.hpp"

namespace inkfleet::service {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto kTeardown = 2s;

constexpr const char* kFooter =
    "Examples:\n"
    "  inkfleet-model --model path/to/gpt2 --name my-model --listen 127.0.0.1:9001\n"
    "  inkfleet-model --check path/to/gpt2 --text novel.txt\n"
    "\n"
    "Editors connect to ws://127.0.0.1:9001/my-model, or to a gateway whose file names it.\n"
    "Exit status: 0 after SIGTERM, or when a checked model can be served; 1 for a failure, told in one "
    "line;\n"
    "2 for wrong usage; 70 after a fatal error of the device.\n"
    "Each flag has a variable: --max-queue is INKFLEET_MAX_QUEUE. docs/configuration.md says more.";

/// The keys of --key-file; null without one.
std::shared_ptr<const net::KeyStore> keys_of(const ServiceFlags& flags) {
  if (flags.key_file.empty()) return nullptr;
  return std::make_shared<const net::KeyStore>(net::load_keys(flags.key_file));
}

void warn_of_open_doors(const asio::ip::tcp::endpoint& address, const ServiceFlags& flags) {
  if (flags.log_prompts) net::warn_of_logged_prompts();
  if (!is_open_to_all(address.address(), !flags.key_file.empty())) return;
  spdlog::warn(
      "{} is not a loopback address, and there is no --key-file: whoever reaches it may use this service",
      net::to_string(address));
}

ServiceAppOptions app_options(const net::CommonFlags& flags, const ServiceFlags& own,
                              faults::Faults* faults) {
  return {.wait_limit = milliseconds(own.wait_limit_ms),
          .faults = faults,
          .admin_address = !flags.admin_listen.empty(),
          .keys = keys_of(own),
          .origins = own.origin_rule(),
          .log_prompts = own.log_prompts};
}

engine::SchedulerOptions scheduler_options(const ServiceFlags& own) {
  return {.max_queue = own.max_queue,
          .step_time = milliseconds(own.max_step_ms),
          .prefix_cache = own.prefix_cache == "on"};
}

/// Serves /metrics and /faults on an address of their own.
void open_admin(net::HttpServer& admin, const std::string& listen) {
  spdlog::info("admin on {}", net::to_string(admin.listen(net::parse_endpoint("--admin-listen", listen))));
}

void serve(const net::CommonFlags& flags, ServiceFlags own) {
  check(own);
  own.model.device = choose_device(own.model);
  TeardownLimit teardown;
  net::Metrics metrics;
  ServiceMetrics service_metrics(metrics, own.model.name);
  ServiceState state;
  state.name = own.model.name;
  faults::Faults ordered;
  faults::Faults* const faults = own.faults ? &ordered : nullptr;

  health::ErrorLatch errors;
  const auto on_device_error = [&](const health::DeviceError& error) {
    errors.see(error);
    service_metrics.on_device_error(error);
  };
  auto probe = device_probe(own.model.device, milliseconds(own.probe_deadline_ms));
  if (faults != nullptr) probe = faults::faulty_probe(std::move(probe), *faults);
  const health::Prober prober(std::move(probe), health::kProbeInterval, on_device_error);
  const ServiceHealth service_health(state, prober, errors, own.limits());
  ServiceApp app(state, service_health, metrics, service_metrics, app_options(flags, own, faults));
  ServiceAdmin admin_app(app);

  asio::io_context io(1);
  net::HttpServer server(io.get_executor(), app,
                         net::fit_descriptors(own.server, net::raise_descriptor_limit()));
  std::optional<net::HttpServer> admin;
  if (!flags.admin_listen.empty()) {
    open_admin(admin.emplace(io.get_executor(), admin_app), flags.admin_listen);
  }
  const auto address = server.listen(net::parse_endpoint("--listen", flags.listen));
  warn_of_open_doors(address, own);
  net::announce_listening(address);

  const EngineHost host(io.get_executor(), own.model,
                        {.scheduler = scheduler_options(own),
                         .on_ready = net::announce_ready,
                         .on_device_error = on_device_error,
                         .faults = faults},
                        state, service_metrics);
  const auto run_along = [&](const char* name, asio::awaitable<void> work) {
    net::spawn(io.get_executor(), name, std::move(work), net::OnFailure::kEndProgram);
  };
  run_along("drain", drain_when_told(io, state, server, std::chrono::seconds(own.drain_seconds)));
  run_along("device watch", end_when_device_is_lost(errors, state));
  const net::WatchdogFeed watchdog(io.get_executor(),
                                   [&] { return health::failed_check(service_health.verdict()) == nullptr; });
  if (faults != nullptr) run_along("faults", warn_of_faults());
  if (!own.key_file.empty()) {
    run_along("key file", reload_at_hangup("key file", [&] { app.set_keys(keys_of(own)); }));
  }
  io.run();
  teardown.begin(kTeardown);
}

}  // namespace
}  // namespace inkfleet::service

int main(int argc, char** argv) {
  using namespace inkfleet;
  net::Program program("inkfleet-model", "Serves one GPT-2 model over WebSocket.");
  program.add_server_flags();
  program.flags().listen = "127.0.0.1:9001";
  service::ServiceFlags flags;
  flags.add_to(program.cli());
  program.cli().footer(service::kFooter);
  return program.run(argc, argv, [&] {
    if (flags.check_folder.empty()) return service::serve(program.flags(), flags);
    flags.model.folder = flags.check_folder;
    service::check_model(flags.model, flags.check_text);
  });
}
