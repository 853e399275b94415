#pragma once

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace inkfleet::net {

using Sha256 = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

inline Sha256 sha256(std::string_view bytes) {
  Sha256 digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

/// Two lower-case digits a byte.
inline std::string hexadecimal(std::span<const unsigned char> bytes) {
  std::string digits;
  for (const auto byte : bytes) digits += fmt::format("{:02x}", byte);
  return digits;
}

}  // namespace inkfleet::net
