#pragma once

namespace inkfleet::gpt2 {

/// How the cache keeps keys and values; sums are in fp32 in any case.
/// - kFp32: as they were computed.
/// - kFp16: rounded to IEEE half precision (beyond its largest number: to that number), in half the memory.
/// - kInt8: a head's key, or value, at a position as whole numbers of -127 to 127 times a scale of its own,
///   its largest magnitude / 127; in a quarter of the memory and a sixteenth of that for the scales.
enum class KvType { kFp32, kFp16, kInt8 };

}  // namespace inkfleet::gpt2
