#pragma once

namespace inkfleet::gpt2 {

/// The number format of the matrix products; all else is in fp32.
enum class ComputeType { kFp32, kInt8 };

}  // namespace inkfleet::gpt2
