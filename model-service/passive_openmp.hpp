#pragma once

#include <unistd.h>

#include <cstdlib>

namespace inkfleet::service {

/// Starts the program again with OMP_WAIT_POLICY=passive, unless the variable is set already. libgomp's
/// threads spin between two parallel regions by default, which starves the I/O thread, and the library reads
/// the variable when it is loaded: before main. Returns if the program cannot be started again.
inline void restart_with_passive_openmp(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  execv("/proc/self/exe", argv);
}

}  // namespace inkfleet::service
