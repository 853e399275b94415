#pragma once

#include "gateway/router.hpp"
#include "net/http_message.hpp"

namespace inkfleet::gateway {

/// GET /openapi.json: gateway/openapi.json, with the names that models have at the moment filled in.
net::HttpResponse show_openapi(const Router& router);

}  // namespace inkfleet::gateway
