#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/http_app.hpp"
#include "net/sha256.hpp"

namespace inkfleet::net {

/// The API keys that open a door, kept as their SHA-256. Keys never appear in logs, errors or answers.
class KeyStore {
 public:
  /// Reads lines of "NAME KEY"; empty ones and those that begin with # are skipped. A name may have several
  /// keys, which is how they are changed. Throws std::runtime_error with one line that names `file` and the
  /// line, never a key.
  static KeyStore parse(std::string_view file, std::string_view text);

  /// The name a key belongs to. Takes the same time whichever key it is, and whether it is one.
  [[nodiscard]] std::optional<std::string> name_of(std::string_view key) const;

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string name;
    Sha256 digest;
  };
  [[nodiscard]] bool has(const Sha256& digest) const;

  std::vector<Entry> entries_;
};

/// Reads a file of keys. Throws std::runtime_error as KeyStore::parse does.
KeyStore load_keys(const std::string& file);

/// Reads a file that holds one key and nothing else: a caller's own. Throws std::runtime_error.
std::string load_own_key(const std::string& file);

/// The key a request carries: as "Authorization: Bearer KEY" or, from browsers, as the WebSocket subprotocol
/// "inkfleet.key.<base64url of KEY>". Empty, which is no key, if it is there and cannot be read.
std::optional<std::string> presented_key(const HttpRequest& request);

/// The name of the key a request carries, or the 401 it deserves.
std::variant<std::string, HttpResponse> check_key(const KeyStore& keys, const HttpRequest& request);

}  // namespace inkfleet::net
