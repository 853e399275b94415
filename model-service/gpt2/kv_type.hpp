#pragma once

namespace inkfleet::gpt2 {

/// How the cache keeps keys and values: as they were computed, or rounded to IEEE half precision (beyond its
/// largest number: to that number) in half the memory. Sums are in fp32 either way.
enum class KvType { kFp32, kFp16 };

}  // namespace inkfleet::gpt2
