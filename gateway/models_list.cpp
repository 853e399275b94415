#include "gateway/models_list.hpp"

#include <algorithm>

#include "gateway/openai_error.hpp"
#include "net/responses.hpp"

namespace inkfleet::gateway {

namespace {

using proto::Json;

constexpr std::size_t kShownName = 100;

Json shown(const Router::Model& model) {
  return {{"id", model.name},
          {"object", "model"},
          {"created", 0},
          {"owned_by", "inkfleet"},
          {"aliases", model.aliases}};
}

}  // namespace

net::HttpResponse list_models(const Router& router) {
  auto models = Json::array();
  for (const auto& model : router.models()) models.push_back(shown(model));
  return net::json_response(net::http::status::ok, {{"object", "list"}, {"data", std::move(models)}});
}

net::HttpResponse show_model(const Router& router, std::string_view name) {
  if (const auto model = router.model_named(name)) {
    const auto found = std::ranges::find(router.models(), *model, &Router::Model::name);
    return net::json_response(net::http::status::ok, shown(*found));
  }
  return openai_refusal(
      {.code = proto::ErrorCode::kUnknownModel,
       .message = "no model is called " + proto::dump_json(std::string(name.substr(0, kShownName))),
       .field = "model"});
}

}  // namespace inkfleet::gateway
