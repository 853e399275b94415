#include "gateway/openapi.hpp"

#include "net/responses.hpp"
#include "proto/json.hpp"

namespace inkfleet::gateway {

extern const char* const kOpenApi;  // made of openapi.json when the gateway is built

net::HttpResponse show_openapi(const Router& router) {
  auto document = proto::Json::parse(kOpenApi);
  auto names = proto::Json::array();
  for (const auto& model : router.models()) {
    names.push_back(model.name);
    for (const auto& alias : model.aliases) names.push_back(alias);
  }
  document["components"]["schemas"]["ModelName"]["enum"] = std::move(names);
  return net::json_response(net::http::status::ok, document);
}

}  // namespace inkfleet::gateway
