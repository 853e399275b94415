#include "gateway/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>

#include "gateway/config_doors.hpp"
#include "gateway/config_node.hpp"
#include "net/file.hpp"
#include "proto/json.hpp"

namespace inkfleet::gateway {

namespace {

using proto::Json;

constexpr std::size_t kNameBytes = 64;

/// Names of paths the gateway answers itself.
constexpr std::string_view kTakenNames[] = {"healthz", "readyz", "livez",  "metrics",
                                            "v1",      "ws",     "faults", "openapi.json"};

bool is_name(std::string_view text) {
  constexpr std::string_view kOthers = "._-";
  return !text.empty() && text.size() <= kNameBytes && text != "." && text != ".." &&
         std::ranges::all_of(text, [&](unsigned char c) {
           return (c < 0x80 && std::isalnum(c)) || kOthers.find(static_cast<char>(c)) != kOthers.npos;
         });
}

/// Suffixes and aliases name one model each, whichever route they stand in.
class Names {
 public:
  void add(const Node& node, const std::string& name, std::string_view expected) {
    if (!is_name(name)) node.fail(expected);
    if (std::ranges::find(kTakenNames, name) != std::end(kTakenNames)) {
      node.fail("a name that is not one of the gateway's own paths");
    }
    const auto [other, is_new] = places_.emplace(name, node.path());
    if (!is_new) node.fail(fmt::format("a name used once (it is at {} too)", other->second));
  }

 private:
  std::map<std::string, std::string> places_;
};

std::vector<net::WebSocketUrl> parse_upstreams(const Node& list) {
  constexpr auto kExpected = "a list of addresses such as \"ws://127.0.0.1:9001/gpt2-medium\", at least one";
  std::vector<net::WebSocketUrl> upstreams;
  std::set<std::string> seen;
  for (const auto& item : list.items(kExpected)) {
    upstreams.push_back(net::parse_websocket_url(item.place(), item.text("an address as text")));
    if (!seen.insert(upstreams.back().str()).second) item.fail("an address that is not in the list already");
  }
  if (upstreams.empty()) list.fail(kExpected);
  return upstreams;
}

Route parse_route(const Node& node, Names& names) {
  constexpr auto kSuffix = "a suffix such as \"/gpt2-medium\" (a slash, then up to 64 of A-Z a-z 0-9 . _ -)";
  constexpr auto kAlias = "a name such as \"gpt2\" (up to 64 of A-Z a-z 0-9 . _ -)";
  const auto members = node.members({"suffix", "upstreams"}, {"aliases"});
  Route route;
  const auto& suffix = members.at("suffix");
  if (!suffix.text(kSuffix).starts_with('/')) suffix.fail(kSuffix);
  route.name = suffix.text(kSuffix).substr(1);
  names.add(suffix, route.name, kSuffix);
  if (const auto aliases = members.find("aliases"); aliases != members.end()) {
    for (const auto& alias : aliases->second.items("a list of names")) {
      names.add(alias, alias.text(kAlias), kAlias);
      route.aliases.push_back(alias.text(kAlias));
    }
  }
  route.upstreams = parse_upstreams(members.at("upstreams"));
  return route;
}

std::string parse_address(const Node& node) {
  const auto& text = node.text("an address such as \"127.0.0.1:8080\"");
  net::parse_endpoint(node.place(), text);
  return text;
}

/// A duration in the unit of `time`; one that is not there stays as it is.
template <class Duration>
void read_time(const Members& members, const char* key, Duration& time, long least, long most) {
  if (const auto found = members.find(key); found != members.end()) {
    time = Duration(found->second.number(least, most));
  }
}

}  // namespace

Config parse_config(std::string_view file, std::string_view text) {
  const auto parsed = proto::parse_json(text);
  if (const auto* fault = std::get_if<proto::JsonFault>(&parsed)) {
    throw std::runtime_error(fmt::format("{}: expected JSON: {}", file, fault->message));
  }
  const Node root(file, "", std::get<Json>(parsed));
  const auto members =
      root.members({"routes"}, {"listen", "admin_listen", "page", "resolve_seconds", "probe_interval_ms",
                                "probe_timeout_ms", "auth", "upstream_key_file", "origins", "trusted_proxies",
                                "tls", "limits", "log_prompts"});
  Config config;
  if (const auto found = members.find("listen"); found != members.end()) {
    config.listen = parse_address(found->second);
  }
  if (const auto found = members.find("admin_listen"); found != members.end()) {
    config.admin_listen = parse_address(found->second);
  }
  if (const auto found = members.find("page"); found != members.end()) {
    constexpr auto kExpected = "a folder's name, or \"off\"";
    config.page_folder = found->second.text(kExpected);
    if (config.page_folder.empty()) found->second.fail(kExpected);
  }
  read_time(members, "resolve_seconds", config.resolve, 0, 86'400);
  read_time(members, "probe_interval_ms", config.probes.interval, 0, 60'000);
  read_time(members, "probe_timeout_ms", config.probes.timeout, 1, 60'000);
  read_doors(members, config);
  Names names;
  const auto& routes = members.at("routes");
  for (const auto& route : routes.items("a list of routes, at least one")) {
    config.routes.push_back(parse_route(route, names));
  }
  if (config.routes.empty()) routes.fail("a list of routes, at least one");
  return config;
}

Config load_config(const std::string& file) {
  const auto text = [&] {
    try {
      return net::read_file(file);
    } catch (const std::runtime_error& unreadable) {
      throw std::runtime_error(std::string(unreadable.what()) + "; --config names the gateway's JSON file");
    }
  }();
  auto config = parse_config(file, text);
  load_secrets(config);
  return config;
}

}  // namespace inkfleet::gateway
