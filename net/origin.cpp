#include "net/origin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "net/responses.hpp"

namespace inkfleet::net {

namespace {

constexpr std::size_t kShownBytes = 100;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

/// Host and port, without the port that the scheme means anyway.
std::string_view without_usual_port(std::string_view authority, std::string_view scheme) {
  const auto usual = scheme == "http" ? ":80" : scheme == "https" ? ":443" : "";
  if (*usual != '\0' && authority.ends_with(usual)) authority.remove_suffix(std::string_view(usual).size());
  return authority;
}

struct Origin {
  std::string scheme;
  std::string authority;
};

/// "scheme://host" or "scheme://host:port", and nothing more.
std::optional<Origin> parse_origin(std::string_view text) {
  const auto whole = lower_case(text);
  const auto colon = whole.find("://");
  if (colon == whole.npos || colon == 0) return std::nullopt;
  const auto scheme = whole.substr(0, colon);
  const auto authority = without_usual_port(std::string_view(whole).substr(colon + 3), scheme);
  if (authority.empty() || authority.find_first_of("/?#@ \t,") != authority.npos) return std::nullopt;
  return Origin{scheme, std::string(authority)};
}

}  // namespace

void OriginRule::add(std::string_view what, std::string_view origin) {
  if (origin == "*") {
    any_ = true;
  } else if (origin == "null") {  // what a page from a file says it comes from
    listed_.emplace(origin);
  } else if (const auto parsed = parse_origin(origin)) {
    listed_.insert(parsed->scheme + "://" + parsed->authority);
  } else {
    throw std::runtime_error(fmt::format(
        "{}: expected an origin such as \"https://example.org\" (no path), or \"*\", found \"{}\"", what,
        origin));
  }
}

bool OriginRule::allows(std::string_view origin, std::string_view host) const {
  if (any_) return true;
  const auto parsed = parse_origin(origin);
  if (!listed_.empty()) {
    return listed_.contains(parsed ? parsed->scheme + "://" + parsed->authority : std::string(origin));
  }
  return parsed && parsed->authority == without_usual_port(lower_case(host), parsed->scheme);
}

std::optional<HttpResponse> check_origin(const OriginRule& rule, const HttpRequest& request) {
  const auto lines = request.count(http::field::origin);
  if (lines == 0) return std::nullopt;
  const auto origin = request[http::field::origin], host = request[http::field::host];
  const std::string_view given(origin.data(), origin.size());
  if (lines == 1 && rule.allows(given, {host.data(), host.size()})) return std::nullopt;
  return error_response(
      http::status::forbidden, "unauthorized",
      fmt::format("pages from Origin \"{}\" may not use this address; allowed origins are a "
                  "setting of this server (origins)",
                  given.substr(0, kShownBytes)));
}

}  // namespace inkfleet::net
