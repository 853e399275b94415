#pragma once

#include <array>
#include <cstdint>

/// The random numbers of the contract: part of the wire protocol, because a receipt must be replayable by
/// anyone. proto/golden/ holds vectors that another implementation can be tested against.
namespace inkfleet::proto {

/// Philox4x32 with 10 rounds: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key);

/// The uniform number in [0, 1) that chooses token `position` (counted from 0 in generated tokens) of
/// suggestion `index`: 53 bits, and a function of these three alone.
double uniform(std::uint64_t seed, std::uint32_t index, std::uint32_t position);

}  // namespace inkfleet::proto
