#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

/// Short names for what net/ is written with. Header names of Boost alone, no code: cheap to include.
namespace boost::beast::http {}
namespace boost::beast::websocket {}

namespace inkfleet::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using tcp = boost::asio::ip::tcp;

}  // namespace inkfleet::net
