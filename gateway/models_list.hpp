#pragma once

#include <string_view>

#include "gateway/router.hpp"
#include "net/http_message.hpp"

/// Models as OpenAI shows them, and the names beside their own that mean them.
namespace inkfleet::gateway {

/// GET /v1/models
net::HttpResponse list_models(const Router& router);

/// GET /v1/models/{name}: the model of this name or alias, or 404.
net::HttpResponse show_model(const Router& router, std::string_view name);

}  // namespace inkfleet::gateway
