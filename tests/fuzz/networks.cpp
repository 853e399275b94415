// Trusted proxies and what they forward: a first line as a setting has it, then values of X-Forwarded-For.
// What a client wrote itself is never believed.
//
// Deliberate break, seen at once: reading what was forwarded from its beginning.

#include "net/networks.hpp"

#include "net/address.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet;

namespace {

using Address = net::asio::ip::address;
using Lines = std::vector<std::string_view>;

const auto kProxy = net::asio::ip::make_address("10.0.0.1");
const auto kClient = net::asio::ip::make_address("198.51.100.9");

Lines lines_of(std::string_view text) {
  Lines lines;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  lines.push_back(text);
  return lines;
}

/// A proxy that was written down is recognised when it comes.
void check_setting(std::string_view text) {
  net::Networks networks;
  if (!fuzz::loads("trusted_proxies: ", [&] { networks.add("trusted_proxies", text); })) return;
  const auto first = net::asio::ip::make_address(std::string(text.substr(0, text.find('/'))));
  require(networks.contains(first) || networks.contains(net::unmapped(first)),
          "a network has its first address");
  if (text.find('/') == text.npos)
    require(networks.contains(net::unmapped(first)), "an address is recognised");
}

void check_forwarded(const Lines& forwarded) {
  static const auto trusted = [] {
    net::Networks networks;
    for (const auto* text : {"10.0.0.0/8", "fd00::/8"}) networks.add("trusted", text);
    return networks;
  }();
  const auto client = net::client_of(kProxy, trusted, forwarded);
  require(client == net::unmapped(client), "an IPv4 address is one");
  const auto counted = net::counted_as(client);
  require(net::counted_as(counted) == counted, "what it counts as counts as itself");
  require(net::client_of(kClient, trusted, forwarded) == kClient, "who is not trusted speaks for itself");

  auto longer = forwarded;
  longer.insert(longer.begin(), "203.0.113.77, 203.0.113.78");
  const bool ends_at_proxies = trusted.contains(client) && client != kProxy;
  const auto same = net::client_of(kProxy, trusted, longer);
  require(ends_at_proxies || same == client || client == kProxy, "what stands before the client is not read");

  longer = forwarded;
  longer.emplace_back("\t198.51.100.9 ");
  require(net::client_of(kProxy, trusted, longer) == kClient, "the proxy says who the client is");
  longer.back() = "198.51.100.9 , 10.9.9.9:5000,[fd00::1]:80";
  require(net::client_of(kProxy, trusted, longer) == kClient, "so does a proxy's proxy");
  longer.back() = "198.51.100.9, nobody";
  require(net::client_of(kProxy, trusted, longer) == kProxy, "what is no address ends the reading");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto lines = lines_of(fuzz::text_of(data, size));
  check_setting(lines.front());
  lines.erase(lines.begin());
  check_forwarded(lines);
  return 0;
}
