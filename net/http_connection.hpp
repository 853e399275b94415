#pragma once

#include <boost/asio/ip/address.hpp>
#include <memory>

#include "net/address_places.hpp"
#include "net/aliases.hpp"
#include "net/http_app.hpp"
#include "net/server_options.hpp"

namespace inkfleet::net {

/// One accepted socket: requests one after the other until it closes or becomes a WebSocket.
class HttpConnection {
 public:
  virtual ~HttpConnection() = default;

  /// Serves until the connection is over. Call once; the object must outlive it.
  virtual asio::awaitable<void> run() = 0;

  /// Ends politely: 1012 to a WebSocket; an idle connection closes now, a busy one after its answer.
  virtual void go_away() = 0;

  /// Breaks off.
  virtual void drop() = 0;
};

/// What the connections of a server share; it outlives them.
struct Premises {
  HttpApp& app;
  ServerOptions options;
  AddressPlaces places;

  /// Whether limits count connections of this address.
  [[nodiscard]] bool counts(const asio::ip::address& address) const {
    return (options.count_loopback || !address.is_loopback()) && !options.trusted_proxies.contains(address);
  }

  /// A place for one more connection of this address; nothing if it has all it may have.
  [[nodiscard]] std::optional<AddressPlaces::Place> place_for(const asio::ip::address& address) {
    if (!counts(address)) return AddressPlaces::Place();
    return places.enter(counted_as(address), options.per_address);
  }
};

/// Who is at the other end of an accepted socket.
struct Visitor {
  asio::ip::address peer;
  AddressPlaces::Place place;
  bool one_answer = false;  ///< the server is full: one plain answer, and no WebSocket
};

std::shared_ptr<HttpConnection> make_http_connection(tcp::socket socket, Premises& premises, Visitor visitor);

/// The same under TLS; `premises.options.tls` is set.
std::shared_ptr<HttpConnection> make_https_connection(tcp::socket socket, Premises& premises,
                                                      Visitor visitor);

}  // namespace inkfleet::net
