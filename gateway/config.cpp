#include "gateway/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>

#include "proto/json.hpp"

namespace inkfleet::gateway {

namespace {

using proto::Json;

constexpr std::size_t kNameBytes = 64;
constexpr std::size_t kShownBytes = 80;

/// Names of paths the gateway answers itself.
constexpr std::string_view kTakenNames[] = {"healthz", "readyz", "livez", "metrics", "v1", "ws", "faults"};

std::string listed(std::initializer_list<const char*> required, std::initializer_list<const char*> optional) {
  std::string list;
  for (const auto& keys : {required, optional}) {
    for (const auto* key : keys) list += (list.empty() ? "" : ", ") + std::string(key);
  }
  return list;
}

/// One value of the file and the path that leads to it, for errors.
class Node {
 public:
  Node(std::string_view file, std::string path, const Json& value)
      : file_(file), path_(std::move(path)), value_(value) {}

  [[noreturn]] void fail(std::string_view expected) const {
    auto found = proto::dump_json(value_);
    if (found.size() > kShownBytes) found = found.substr(0, kShownBytes) + "...";
    throw std::runtime_error(fmt::format("{}: {}: expected {}, found {}", file_,
                                         path_.empty() ? "the whole file" : path_, expected, found));
  }

  const std::string& text(std::string_view expected) const {
    if (!value_.is_string()) fail(expected);
    return value_.get_ref<const std::string&>();
  }

  long number(long least, long most) const {
    const auto in_range = [&] { return value_ >= least && value_ <= most; };
    if (!value_.is_number_integer() || !in_range()) fail(fmt::format("a whole number {} to {}", least, most));
    return value_.get<long>();
  }

  std::vector<Node> items(std::string_view expected) const {
    if (!value_.is_array()) fail(expected);
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < value_.size(); ++i) {
      nodes.emplace_back(file_, fmt::format("{}[{}]", path_, i), value_[i]);
    }
    return nodes;
  }

  /// The members of an object: all of `required` are there, and none but those and `optional`.
  std::map<std::string, Node, std::less<>> members(std::initializer_list<const char*> required,
                                                   std::initializer_list<const char*> optional) const {
    if (!value_.is_object()) fail("an object");
    for (const auto* key : required) {
      if (!value_.contains(key)) fail(fmt::format("an object with the key \"{}\"", key));
    }
    std::map<std::string, Node, std::less<>> nodes;
    for (const auto& [key, value] : value_.items()) {
      Node node(file_, path_.empty() ? key : path_ + "." + key, value);
      const auto is_key = [&key = key](const char* known) { return key == known; };
      if (!std::ranges::any_of(required, is_key) && !std::ranges::any_of(optional, is_key)) {
        node.fail("one of the keys " + listed(required, optional));
      }
      nodes.emplace(key, std::move(node));
    }
    return nodes;
  }

  const std::string& path() const { return path_; }
  std::string place() const { return fmt::format("{}: {}", file_, path_); }

 private:
  std::string_view file_;
  std::string path_;
  const Json& value_;
};

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

using Members = std::map<std::string, Node, std::less<>>;

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
  const auto members = root.members(
      {"routes"}, {"listen", "admin_listen", "resolve_seconds", "probe_interval_ms", "probe_timeout_ms"});
  Config config;
  if (const auto found = members.find("listen"); found != members.end()) {
    config.listen = parse_address(found->second);
  }
  if (const auto found = members.find("admin_listen"); found != members.end()) {
    config.admin_listen = parse_address(found->second);
  }
  read_time(members, "resolve_seconds", config.resolve, 0, 86'400);
  read_time(members, "probe_interval_ms", config.probes.interval, 0, 60'000);
  read_time(members, "probe_timeout_ms", config.probes.timeout, 1, 60'000);
  Names names;
  const auto& routes = members.at("routes");
  for (const auto& route : routes.items("a list of routes, at least one")) {
    config.routes.push_back(parse_route(route, names));
  }
  if (config.routes.empty()) routes.fail("a list of routes, at least one");
  return config;
}

Config load_config(const std::string& file) {
  if (std::filesystem::is_directory(file)) {
    throw std::runtime_error(fmt::format("{}: is a folder; --config names the gateway's JSON file", file));
  }
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) {
    throw std::runtime_error(fmt::format("{}: cannot be read: {}; --config names the gateway's JSON file",
                                         file, std::strerror(errno)));
  }
  return parse_config(file, text);
}

}  // namespace inkfleet::gateway
