#include "model-service/gpt2/resident_code.hpp"

#include <link.h>
#include <sys/mman.h>

#include <cstdint>
#include <string_view>

namespace inkfleet::gpt2 {
namespace {

constexpr std::uintptr_t kPage = 4096;

/// Only what the linker never writes to: such a page is the file's, and comes back as it was.
int rest_segments(dl_phdr_info* library, std::size_t, void*) {
  if (std::string_view(library->dlpi_name).find("libtorch_cpu") == std::string_view::npos) return 0;
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const auto& segment = library->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (library->dlpi_addr + segment.p_vaddr) / kPage * kPage;
    const std::uintptr_t end = library->dlpi_addr + segment.p_vaddr + segment.p_filesz;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader gives addresses as numbers.
    static_cast<void>(::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED));
  }
  return 0;
}

}  // namespace

void rest_libtorch() {
  ::dl_iterate_phdr(rest_segments, nullptr);
}

}  // namespace inkfleet::gpt2
