// The gateway's file: what is accepted keeps its promises to the router and to connections; an error names
// file and key.

#include "gateway/config.hpp"
#include "gateway/router.hpp"
#include "net/address.hpp"
#include "net/server_limits.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet;

namespace {

void check_doors(const gateway::Config& config) {
  for (const auto& limit : net::server_limits()) {
    const auto value = net::value_of(limit, config.server);
    require(value >= limit.least && value <= limit.most, "a limit is within its bounds");
  }
  require(config.server.connection.idle_close > config.server.connection.ping_interval,
          "an editor is asked before it is closed");
  require(config.live_requests > 0 && config.live_requests_per_caller > 0, "everybody may ask something");
  require(config.service_frame_bytes > config.server.connection.frame_limit,
          "a request fits into a service's frame");
  require(config.tls.certificate.empty() == config.tls.key.empty(), "a certificate has its key");
  require(!config.auth.keys && config.upstream_key.empty(), "no other file was read");
}

void check(const gateway::Config& config) {
  check_doors(config);
  require(!config.routes.empty(), "there is a route");
  require(config.probes.timeout.count() >= 1 && config.probes.interval.count() >= 0,
          "times are no negative numbers");
  const gateway::Router router(config.routes);
  for (const auto& route : config.routes) {
    const auto target = router.target_of("/" + route.name);
    require(target && target->model == route.name && target->rest.empty(), "a suffix leads to its model");
    for (const auto& alias : route.aliases)
      require(router.model_named(alias) == route.name, "an alias means its model");
    require(!route.upstreams.empty(), "a route has a service");
    for (const auto& upstream : route.upstreams) {
      require(net::parse_websocket_url("again", upstream.str()).str() == upstream.str(),
              "an address is read as written");
    }
  }
  for (const auto& listen : {config.listen, config.admin_listen}) {
    if (listen.empty()) continue;
    const auto endpoint = net::parse_endpoint("again", listen);
    require(net::parse_endpoint("again", net::to_string(endpoint)) == endpoint,
            "an endpoint is read as written");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  gateway::Config config;
  if (fuzz::loads("fleet.json: ", [&] { config = gateway::parse_config("fleet.json", text); })) check(config);
  return 0;
}
