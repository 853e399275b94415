// Starts the program again with OMP_WAIT_POLICY=passive, unless the variable is set already. libgomp's
// threads spin between two parallel regions by default, which starves the I/O thread, and the library reads
// the variable when it is initialised.
//
// So this runs before any library is: the first start then costs milliseconds, where libtorch's constructors
// alone take 0.2 s. No library may be called yet but for the system call, nor a sanitizer.

#include <unistd.h>

#include <cstddef>

#define INKFLEET_UNSANITIZED __attribute__((no_sanitize("address", "thread", "undefined")))

namespace {

constexpr const char* kVariable = "OMP_WAIT_POLICY=";
char setting[] = "OMP_WAIT_POLICY=passive";

INKFLEET_UNSANITIZED bool begins_with(const char* text, const char* beginning) {
  while (*beginning != '\0' && *text == *beginning) ++text, ++beginning;
  return *beginning == '\0';
}

/// Returns if the variable is set, or the program cannot be started again.
INKFLEET_UNSANITIZED void restart_with_passive_openmp(int, char** argv, char** environment) {
  std::size_t count = 0;
  for (; environment[count] != nullptr; ++count) {
    if (begins_with(environment[count], kVariable)) return;
  }
  auto** longer = static_cast<char**>(__builtin_alloca((count + 2) * sizeof(char*)));
  for (std::size_t i = 0; i < count; ++i) longer[i] = environment[i];
  longer[count] = setting;
  longer[count + 1] = nullptr;
  ::execve("/proc/self/exe", argv, longer);
}

/// What the dynamic loader calls before the constructors of libraries (System V ABI: DT_PREINIT_ARRAY).
using Initializer = void (*)(int, char**, char**);
[[gnu::section(".preinit_array"), gnu::used]] const Initializer first = restart_with_passive_openmp;

}  // namespace
