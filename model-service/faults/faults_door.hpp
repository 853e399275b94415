#pragma once

#include <boost/asio/ip/address.hpp>

#include "model-service/faults/faults.hpp"
#include "net/http_app.hpp"

namespace inkfleet::faults {

/// Answers /faults: GET tells what is on, POST {"fault": NAME, ...} puts one on, DELETE clears what can be
/// cleared. Only for loopback, and never for a browser's page: others see 404. Thread-safe.
net::HttpResponse answer_faults(Faults& faults, const net::HttpRequest& request,
                                const boost::asio::ip::address& client);

}  // namespace inkfleet::faults
