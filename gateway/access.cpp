#include "gateway/access.hpp"

#include <utility>

#include "net/networks.hpp"
#include "net/responses.hpp"

namespace inkfleet::gateway {

namespace {

using Admission = std::variant<Caller, net::HttpResponse>;

Caller named(std::string name, const net::HttpRequest& request) {
  const auto header = request["traceparent"];
  Caller caller{std::move(name)};
  if (!header.empty()) caller.traceparent.emplace(header.data(), header.size());
  return caller;
}

Caller at_address(const net::asio::ip::address& client, const net::HttpRequest& request) {
  return named("address:" + net::counted_as(client).to_string(), request);
}

}  // namespace

Access::Access(const Config& config)
    : keys_(config.auth.keys), legacy_open_(config.auth.legacy_open), origins_(config.origins) {}

Admission Access::admit(const net::HttpRequest& request, const net::asio::ip::address& client) const {
  if (auto refused = net::check_origin(origins_, request)) return std::move(*refused);
  if (!keys_) return at_address(client, request);
  auto checked = net::check_key(*keys_, request);
  if (auto* refused = std::get_if<net::HttpResponse>(&checked)) return std::move(*refused);
  return named("key:" + std::get<std::string>(checked), request);
}

Admission Access::admit_legacy(const net::HttpRequest& request, const net::asio::ip::address& client) const {
  if (!keys_ || (legacy_open_ && net::presented_key(request))) return admit(request, client);
  if (auto refused = net::check_origin(origins_, request)) return std::move(*refused);
  if (legacy_open_) return at_address(client, request);
  return net::error_response(net::http::status::unauthorized, "unauthorized",
                             "this gateway asks for API keys, and its door of existing editors is closed");
}

}  // namespace inkfleet::gateway
