#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <string>

#include "net/aliases.hpp"

namespace inkfleet::net {

/// One GET and the status of its answer, or why there was none: connecting, asking and reading the whole
/// answer (up to 64 KiB) take no longer than `limit` together. `stream` is a fresh one; closing it ends the
/// call early. `host` is the Host header. For probes: a connection of its own each time also shows whether
/// the other end still accepts.
asio::awaitable<boost::system::result<unsigned>> http_get(beast::tcp_stream& stream, tcp::endpoint server,
                                                          std::string host, std::string path,
                                                          std::chrono::milliseconds limit);

}  // namespace inkfleet::net
