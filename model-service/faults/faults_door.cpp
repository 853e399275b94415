#include "model-service/faults/faults_door.hpp"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "net/responses.hpp"

namespace inkfleet::faults {
namespace {

namespace http = boost::beast::http;
using nlohmann::json;

constexpr const char* kIllegalAddress = "cudaErrorIllegalAddress";

/// What an order gets wrong, for the one who gave it.
struct BadOrder : std::runtime_error {
  using std::runtime_error::runtime_error;
};

int number(const json& order, const char* field, int least, int otherwise) {
  const auto found = order.find(field);
  if (found == order.end() && otherwise >= least) return otherwise;
  if (found == order.end() || !found->is_number_integer() || *found < least || *found > 1'000'000'000) {
    throw BadOrder(std::string(field) + " must be an integer from " + std::to_string(least));
  }
  return found->get<int>();
}

const health::DeviceError& fatal_error(const json& order) {
  const auto name = order.value("error", json(kIllegalAddress));
  const auto* const error = name.is_string() ? health::find_device_error(name.get<std::string>()) : nullptr;
  if (error == nullptr || !health::is_fatal(error->error_class)) {
    throw BadOrder("error must be the name of a fatal cudaError_t, such as " + std::string(kIllegalAddress));
  }
  return *error;
}

FaultPlan with(FaultPlan plan, const json& order) {
  if (!order.is_object() || !order.contains("fault") || !order["fault"].is_string()) {
    throw BadOrder("the body must be JSON with the name of a fault in \"fault\"");
  }
  const auto fault = order["fault"].get<std::string>();
  if (fault == "hang_engine") {
    plan.hang_engine = true;
  } else if (fault == "hang_device") {
    plan.hang_device = true;
  } else if (fault == "fatal_device_error") {
    plan.device_error = &fatal_error(order);
  } else if (fault == "out_of_memory") {
    plan.out_of_memory = number(order, "steps", 1, 1);
  } else if (fault == "slow_steps") {
    plan.slow_steps = std::chrono::milliseconds(number(order, "ms", 0, -1));
  } else if (fault == "drop_connection_after") {
    plan.drop_connection_after = number(order, "tokens", 1, 0);
  } else if (fault == "exit_mid_step") {
    plan.exit_mid_step = true;
  } else if (fault == "exit_on_token") {
    plan.exit_on_token = number(order, "token", 0, kNoToken);
  } else {
    throw BadOrder("no fault is called \"" + fault + "\"");
  }
  return plan;
}

net::HttpResponse tell(const Faults& faults) {
  return net::json_response(http::status::ok, {{"active", faults.plan().active()}});
}

net::HttpResponse put_on(Faults& faults, const std::string& body) {
  try {
    faults.set(with(faults.plan(), json::parse(body, nullptr, false)));
  } catch (const BadOrder& wrong) {
    return net::error_response(http::status::bad_request, "bad_request", wrong.what());
  }
  spdlog::warn("FAULT ordered: {}", body);
  return tell(faults);
}

}  // namespace

net::HttpResponse answer_faults(Faults& faults, const net::HttpRequest& request,
                                const boost::asio::ip::address& client) {
  const bool from_a_page = request.find(http::field::origin) != request.end();
  if (!client.is_loopback() || from_a_page) {
    return net::error_response(http::status::not_found, "bad_request", "no such path");
  }
  if (request.method() == http::verb::post) return put_on(faults, request.body());
  if (request.method() == http::verb::delete_) {
    faults.set({});
    spdlog::warn("FAULTS cleared");
    return tell(faults);
  }
  return net::is_get(request) ? tell(faults) : net::method_not_allowed("GET, POST, DELETE");
}

}  // namespace inkfleet::faults
