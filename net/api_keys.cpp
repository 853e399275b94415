#include "net/api_keys.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <boost/beast/http/rfc7230.hpp>
#include <stdexcept>

#include "net/file.hpp"
#include "net/responses.hpp"
#include "net/trimmed.hpp"
#include "proto/limits.hpp"

namespace inkfleet::net {

namespace {

using proto::limits::kApiKeyBytes;

constexpr std::size_t kNameBytes = 64;
constexpr std::string_view kBlank = " \t\r";
constexpr std::string_view kScheme = "bearer";
constexpr std::string_view kSubprotocol = "inkfleet.key.";

bool is_key(std::string_view text) {
  return text.size() >= kApiKeyBytes.min && text.size() <= kApiKeyBytes.max &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytes && std::ranges::all_of(text, [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || c == '.' || c == '_' || c == '-');
  });
}

std::string key_form() {
  return fmt::format("{} to {} visible ASCII characters", kApiKeyBytes.min, kApiKeyBytes.max);
}

/// Empty if it is not base64url as an encoder writes it, in which one text has one form; padding may be left
/// out.
std::string decode_base64url(std::string_view text) {
  std::string coded(text.substr(0, text.find_last_not_of('=') + 1));
  if (coded.find_first_of("+/=") != coded.npos) return {};
  std::ranges::replace(coded, '-', '+');
  std::ranges::replace(coded, '_', '/');
  const std::size_t padding = (4 - coded.size() % 4) % 4;
  if (coded.empty() || padding == 3) return {};
  coded.append(padding, '=');
  std::string bytes(coded.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(coded.data()), static_cast<int>(coded.size()));
  if (size < 0) return {};
  bytes.resize(static_cast<std::size_t>(size) - padding);
  std::string again(coded.size() + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(again.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  again.pop_back();
  return again == coded ? bytes : std::string();
}

std::optional<std::string> bearer(std::string_view header) {
  const auto is_same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  const auto credentials = header.substr(std::min(header.find_first_of(kBlank), header.size()));
  const auto scheme = header.substr(0, header.size() - credentials.size());
  if (!std::ranges::equal(scheme, kScheme, is_same)) return std::nullopt;
  return std::string(trimmed(credentials, kBlank));
}

HttpResponse unauthorized(std::string_view message) {
  auto response = error_response(http::status::unauthorized, "unauthorized", message);
  response.set(http::field::www_authenticate, "Bearer");
  return response;
}

}  // namespace

KeyStore KeyStore::parse(std::string_view file, std::string_view text) {
  KeyStore keys;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end), kBlank);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const auto gap = std::min(line.find_first_of(kBlank), line.size());
    const auto name = line.substr(0, gap), key = trimmed(line.substr(gap), kBlank);
    const auto fail = [&](const std::string& why) {
      throw std::runtime_error(fmt::format("{}: line {}: {}", file, number, why));
    };
    if (key.empty()) fail("expected a name, a space and a key");
    if (!is_name(name)) fail(fmt::format("expected a name of up to {} of A-Z a-z 0-9 . _ -", kNameBytes));
    if (!is_key(key)) fail("expected a key of " + key_form());
    const auto digest = sha256(key);
    if (keys.has(digest)) fail("this key is in the file already");
    keys.entries_.push_back({std::string(name), digest});
  }
  if (keys.entries_.empty()) {
    throw std::runtime_error(
        fmt::format("{}: holds no key; expected lines of a name, a space and a key", file));
  }
  return keys;
}

bool KeyStore::has(const Sha256& digest) const {
  return std::ranges::find(entries_, digest, &Entry::digest) != entries_.end();
}

std::optional<std::string> KeyStore::name_of(std::string_view key) const {
  const auto digest = sha256(key);
  const Entry* found = nullptr;
  for (const auto& entry : entries_) {
    if (CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) found = &entry;
  }
  return found ? std::optional(found->name) : std::nullopt;
}

KeyStore load_keys(const std::string& file) {
  return KeyStore::parse(file, read_file(file));
}

std::string load_own_key(const std::string& file) {
  const auto text = read_file(file);
  const auto key = trimmed(text, " \t\r\n");
  if (!is_key(key)) throw std::runtime_error(fmt::format("{}: expected one key of {}", file, key_form()));
  return std::string(key);
}

std::optional<std::string> presented_key(const HttpRequest& request) {
  const auto header = request[http::field::authorization];
  if (auto key = bearer({header.data(), header.size()})) return key;
  for (const auto& token : http::token_list(request[http::field::sec_websocket_protocol])) {
    const std::string_view name(token.data(), token.size());
    if (name.starts_with(kSubprotocol)) return decode_base64url(name.substr(kSubprotocol.size()));
  }
  return std::nullopt;
}

std::variant<std::string, HttpResponse> check_key(const KeyStore& keys, const HttpRequest& request) {
  const auto key = presented_key(request);
  if (!key) {
    return unauthorized(
        "this needs an API key: \"Authorization: Bearer KEY\", or the WebSocket subprotocol "
        "\"inkfleet.key.<base64url of KEY>\"");
  }
  if (auto name = keys.name_of(*key)) return std::move(*name);
  return unauthorized("this API key is not known");
}

}  // namespace inkfleet::net
