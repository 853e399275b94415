#include "net/metrics.hpp"

#include <prometheus/text_serializer.h>

#include "net/responses.hpp"

namespace inkfleet::net {

namespace {

HttpResponse no_such_path() {
  return error_response(http::status::not_found, "bad_request", "no such path");
}

}  // namespace

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

HttpResponse Metrics::answer(const asio::ip::address& client, bool admin) const {
  if (!admin && !client.is_loopback()) return no_such_path();
  return text_response(http::status::ok, text(), "text/plain; version=0.0.4; charset=utf-8");
}

const std::vector<double>& latency_buckets() {
  static const std::vector<double> kBuckets{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2,
                                            0.5,   1,     2,     5,    10,   20,   30,  60};
  return kBuckets;
}

asio::awaitable<HttpResponse> AdminApp::handle(const HttpRequest& request, const asio::ip::address& client) {
  if (path_of(request) != "/metrics") co_return no_such_path();
  if (!is_get(request)) co_return method_not_allowed("GET");
  co_return metrics_.answer(client, true);
}

std::variant<SessionFactory, HttpResponse> AdminApp::upgrade(const HttpRequest&, const asio::ip::address&) {
  return no_such_path();
}

}  // namespace inkfleet::net
