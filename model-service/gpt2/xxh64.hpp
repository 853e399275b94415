#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace inkfleet::gpt2 {

/// XXH64 with seed 0 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md): finds damage, at the
/// speed of memory; it does not keep out who wants to forge.
std::uint64_t xxh64(std::span<const std::byte> bytes);

}  // namespace inkfleet::gpt2
