#pragma once

namespace inkfleet::gpt2 {

/// A tiny tensor operation on the calling thread alone, whose result is known. False when it is wrong.
bool probe_cpu();

}  // namespace inkfleet::gpt2
