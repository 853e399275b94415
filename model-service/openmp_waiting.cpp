// Starts the program again with GOMP_SPINCOUNT set, unless it or OMP_WAIT_POLICY is set already. A step in
// fp32 or bf16 has some two hundred parallel regions. Threads that sleep between so many cost a step a third
// of its time (gpt2-medium, 2 threads, int8 when it had them too: a request of 40 tokens 0.99 s, 5 of them
// 1.31 s, 32 of them 3.29 s; with this 0.64, 0.80 and 2.11 s); threads that spin for as long as libgomp lets
// them by default starve the I/O thread when nothing is to be done. The library reads the variable when it is
// initialised.
//
// So this runs before any library is: the first start then costs milliseconds, where libtorch's constructors
// alone take 0.2 s. No library may be called yet but for the system call, nor a sanitizer.

#include <unistd.h>

#include <cstddef>

#define INKFLEET_UNSANITIZED __attribute__((no_sanitize("address", "thread", "undefined")))

namespace {

constexpr const char* kSpinCount = "GOMP_SPINCOUNT=";
constexpr const char* kWaitPolicy = "OMP_WAIT_POLICY=";
/// About 5 ms: the pauses between a step's regions and most of those between steps, no more.
char setting[] = "GOMP_SPINCOUNT=100000";

INKFLEET_UNSANITIZED bool begins_with(const char* text, const char* beginning) {
  while (*beginning != '\0' && *text == *beginning) ++text, ++beginning;
  return *beginning == '\0';
}

/// Returns if the user has chosen, or the program cannot be started again.
INKFLEET_UNSANITIZED void restart_with_bounded_spinning(int, char** argv, char** environment) {
  std::size_t count = 0;
  for (; environment[count] != nullptr; ++count) {
    if (begins_with(environment[count], kSpinCount) || begins_with(environment[count], kWaitPolicy)) return;
  }
  auto** longer = static_cast<char**>(__builtin_alloca((count + 2) * sizeof(char*)));
  for (std::size_t i = 0; i < count; ++i) longer[i] = environment[i];
  longer[count] = setting;
  longer[count + 1] = nullptr;
  ::execve("/proc/self/exe", argv, longer);
}

/// What the dynamic loader calls before the constructors of libraries (System V ABI: DT_PREINIT_ARRAY).
using Initializer = void (*)(int, char**, char**);
[[gnu::section(".preinit_array"), gnu::used]] const Initializer first = restart_with_bounded_spinning;

}  // namespace
