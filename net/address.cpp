#include "net/address.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <stdexcept>

namespace inkfleet::net {

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::string bracketed(const std::string& host) {
  return host.find(':') == host.npos ? host : "[" + host + "]";
}

}  // namespace

std::optional<HostAndPort> split_host_port(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == text.npos) return std::nullopt;
    const auto rest = text.substr(close + 1);
    if (rest.empty()) return HostAndPort{text.substr(1, close - 1), std::nullopt};
    if (rest[0] != ':') return std::nullopt;
    return HostAndPort{text.substr(1, close - 1), rest.substr(1)};
  }
  const auto colon = text.find(':');
  if (colon == text.npos) return HostAndPort{text, std::nullopt};
  if (text.find(':', colon + 1) != text.npos) return std::nullopt;
  return HostAndPort{text.substr(0, colon), text.substr(colon + 1)};
}

tcp::endpoint parse_endpoint(std::string_view what, std::string_view text) {
  const auto parts = split_host_port(text);
  const auto port = parts && parts->port ? parse_port(*parts->port) : std::nullopt;
  boost::system::error_code bad;
  const auto host = parts && !parts->host.empty() ? std::string(parts->host) : std::string("0.0.0.0");
  const auto address = asio::ip::make_address(host, bad);
  if (!port || bad) {
    throw std::runtime_error(fmt::format(
        "{}: expected ADDR:PORT such as 127.0.0.1:8080 or [::1]:8080 (port 0 picks one), found \"{}\"", what,
        text));
  }
  return {address, *port};
}

std::string to_string(const tcp::endpoint& endpoint) {
  return fmt::format("{}:{}", bracketed(endpoint.address().to_string()), endpoint.port());
}

std::string WebSocketUrl::authority() const {
  return bracketed(host) + ":" + port;
}

std::string WebSocketUrl::str() const {
  return "ws://" + authority() + path;
}

WebSocketUrl parse_websocket_url(std::string_view what, std::string_view text) {
  constexpr std::string_view kScheme = "ws://";
  const auto fail = [&]() -> WebSocketUrl {
    throw std::runtime_error(fmt::format(
        "{}: expected ws://HOST:PORT/PATH such as ws://127.0.0.1:9001/gpt2, found \"{}\"", what, text));
  };
  if (!text.starts_with(kScheme)) return fail();
  const auto rest = text.substr(kScheme.size());
  const auto slash = rest.find('/');
  const auto path = slash == rest.npos ? std::string_view("/") : rest.substr(slash);
  if (path.find_first_of(" \t\r\n#") != path.npos) return fail();
  const auto parts = split_host_port(rest.substr(0, slash));
  if (!parts || parts->host.empty() || parts->host.find_first_of(" @") != parts->host.npos) return fail();
  const auto port = parts->port ? parse_port(*parts->port) : std::uint16_t{80};
  if (!port || *port == 0) return fail();
  return {std::string(parts->host), std::to_string(*port), std::string(path)};
}

}  // namespace inkfleet::net
