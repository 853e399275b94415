#include "clients/terminal/url.hpp"

#include <algorithm>
#include <stdexcept>

namespace inkfleet::terminal {
namespace {

constexpr std::string_view kScheme = "ws://";

[[noreturn]] void refuse(std::string_view text) {
  throw std::runtime_error(std::string(text) + " is no address: expected ws://HOST:PORT/MODEL");
}

bool is_port(std::string_view port) {
  return !port.empty() && port.size() <= 5 &&
         std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Url parse_url(std::string_view text) {
  if (!text.starts_with(kScheme)) refuse(text);
  const std::string_view rest = text.substr(kScheme.size());
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  Url url{.port = "80",
          .authority = std::string(rest.substr(0, slash)),
          .target = std::string(rest.substr(slash))};
  if (!url.target.starts_with('/')) url.target.insert(0, "/");

  const std::string_view authority = url.authority;
  const bool bracketed = authority.starts_with('[');
  const std::size_t end = bracketed ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (end == authority.npos) refuse(text);
  url.host = authority.substr(bracketed, end - bracketed);
  const std::string_view after = authority.substr(end + bracketed);
  if (url.host.empty() || (!after.empty() && (after[0] != ':' || !is_port(after.substr(1))))) refuse(text);
  if (!after.empty()) url.port = after.substr(1);
  return url;
}

}  // namespace inkfleet::terminal
