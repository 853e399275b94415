#pragma once

namespace inkfleet::gpt2 {

/// libtorch's code and constants are no longer counted as this process's memory until they are used again:
/// loading it touches some fifty megabytes that int8 never needs. They stay in the system's cache.
void rest_libtorch();

}  // namespace inkfleet::gpt2
