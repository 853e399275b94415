#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "gateway/caller.hpp"
#include "gateway/config.hpp"
#include "net/http_app.hpp"

namespace inkfleet::gateway {

/// Who may use the gateway, as its configuration says: the rules, without sockets.
class Access {
 public:
  explicit Access(const Config& config);

  /// The caller of a request, or the answer that refuses it: 403 for its Origin, 401 for its key.
  [[nodiscard]] std::variant<Caller, net::HttpResponse> admit(const net::HttpRequest& request,
                                                              const net::asio::ip::address& client) const;

  /// The same at the door of existing editors, which is closed or open to all while there are keys.
  [[nodiscard]] std::variant<Caller, net::HttpResponse> admit_legacy(
      const net::HttpRequest& request, const net::asio::ip::address& client) const;

 private:
  std::shared_ptr<const net::KeyStore> keys_;  // null: everybody may
  bool legacy_open_;
  net::OriginRule origins_;
};

}  // namespace inkfleet::gateway
