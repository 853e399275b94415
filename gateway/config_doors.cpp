#include "gateway/config_doors.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "net/server_limits.hpp"
#include "net/tls.hpp"

namespace inkfleet::gateway {

namespace {

constexpr long kMostLiveRequests = 10'000;
constexpr long kLeastFrameBytes = 128L * 1024;  // any request of the OpenAI-compatible door fits
constexpr long kMostFrameBytes = 64L * 1024 * 1024;
/// What an editor's request may grow by on its way: names, trace, seed, and defaults written out.
constexpr std::size_t kAddedBytes = 1024;

/// Calls `read` with the member, if there is one.
template <class Read>
void if_given(const Members& members, const char* key, const Read& read) {
  if (const auto found = members.find(key); found != members.end()) read(found->second);
}

std::string file_name(const Node& node) {
  constexpr auto kExpected = "the name of a file";
  if (node.text(kExpected).empty()) node.fail(kExpected);
  return node.text(kExpected);
}

Auth read_auth(const Node& node) {
  const auto members = node.members({"key_file"}, {"legacy_open"});
  Auth auth;
  auth.key_file = file_name(members.at("key_file"));
  if_given(members, "legacy_open", [&](const Node& open) { auth.legacy_open = open.flag(); });
  return auth;
}

net::OriginRule read_origins(const Node& node) {
  net::OriginRule origins;
  const auto items = node.items("a list of origins, at least one");
  if (items.empty()) node.fail("a list of origins, at least one");
  for (const auto& item : items) origins.add(item.place(), item.text("an origin as text"));
  return origins;
}

/// A larger frame would close a service's connection, and with it what all others asked.
void check_frames(const std::string& what, const Config& config) {
  const auto editor = config.server.connection.frame_limit;
  if (editor + kAddedBytes <= config.service_frame_bytes) return;
  throw std::runtime_error(fmt::format(
      "{}: frame_bytes is {}, service_frame_bytes is {}: with up to {} bytes that the gateway adds, "
      "a service would not take what editors may send; lower frame_bytes, or raise "
      "service_frame_bytes and --frame-bytes of the services",
      what, editor, config.service_frame_bytes, kAddedBytes));
}

void read_limits(const Node& node, Config& config) {
  std::vector<std::string_view> names{"live_requests", "live_requests_per_caller", "service_frame_bytes",
                                      "count_loopback"};
  for (const auto& limit : net::server_limits()) names.emplace_back(limit.name);
  const auto members = node.members({}, names);
  for (const auto& limit : net::server_limits()) {
    if_given(members, limit.name, [&](const Node& value) {
      net::set(limit, config.server, value.number(limit.least, limit.most));
    });
  }
  if_given(members, "live_requests", [&](const Node& value) {
    config.live_requests = static_cast<std::size_t>(value.number(1, kMostLiveRequests));
  });
  if_given(members, "live_requests_per_caller", [&](const Node& value) {
    config.live_requests_per_caller = static_cast<std::size_t>(value.number(1, kMostLiveRequests));
  });
  if_given(members, "service_frame_bytes", [&](const Node& value) {
    config.service_frame_bytes = static_cast<std::size_t>(value.number(kLeastFrameBytes, kMostFrameBytes));
  });
  if_given(members, "count_loopback",
           [&](const Node& value) { config.server.count_loopback = value.flag(); });
  net::check_limits(node.place(), config.server);
  check_frames(node.place(), config);
}

}  // namespace

void read_doors(const Members& members, Config& config) {
  if_given(members, "auth", [&](const Node& node) { config.auth = read_auth(node); });
  if_given(members, "upstream_key_file",
           [&](const Node& node) { config.upstream_key_file = file_name(node); });
  if_given(members, "origins", [&](const Node& node) { config.origins = read_origins(node); });
  if_given(members, "trusted_proxies", [&](const Node& node) {
    for (const auto& item : node.items("a list of addresses and networks")) {
      config.server.trusted_proxies.add(item.place(), item.text("an address or a network as text"));
    }
  });
  if_given(members, "tls", [&](const Node& node) {
    const auto files = node.members({"certificate", "key"}, {});
    config.tls = {file_name(files.at("certificate")), file_name(files.at("key"))};
  });
  if_given(members, "limits", [&](const Node& node) { read_limits(node, config); });
  if_given(members, "log_prompts", [&](const Node& node) { config.log_prompts = node.flag(); });
}

void load_secrets(Config& config) {
  if (!config.auth.key_file.empty()) {
    config.auth.keys = std::make_shared<const net::KeyStore>(net::load_keys(config.auth.key_file));
  }
  if (!config.upstream_key_file.empty()) config.upstream_key = net::load_own_key(config.upstream_key_file);
  if (!config.tls.certificate.empty()) {
    config.server.tls = net::load_tls(config.tls.certificate, config.tls.key);
  }
}

}  // namespace inkfleet::gateway
