#include "fibers.hpp"

#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

// Saves what a called function must keep and its stack in *from, and goes on where `to` was saved (x86-64,
// System V).
extern "C" void inkfleet_switch_stack(void** from, void* to);
asm(R"(
.text
.type inkfleet_switch_stack, @function
inkfleet_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size inkfleet_switch_stack, .-inkfleet_switch_stack
)");

dim3 threadIdx, blockIdx, blockDim, gridDim;

// Where the variables of this module's kernels lie that a block shares, as the linker knows; none without
// such.
extern "C" __attribute__((weak)) unsigned char __start_inkfleet_shared[], __stop_inkfleet_shared[];  // NOLINT

namespace emulator {
namespace {

constexpr std::size_t kStackBytes = std::size_t{128} << 10;
constexpr int kWarpSize = 32;
constexpr unsigned char kNan = 0xff;                             // in each byte
constexpr std::size_t kMostSharedBytes = std::size_t{48} << 10;  // without asking for more

enum class State : unsigned char { kReady, kAtBlock, kAtWarp, kDone };

struct Fiber {
  std::unique_ptr<unsigned char[]> stack{new unsigned char[kStackBytes]};
  void* saved = nullptr;
  unsigned exchanges = 0;
  dim3 index;
};

struct Warp {
  int arrived = 0;
  alignas(16) unsigned char lanes[2][kWarpSize * kLaneBytes];  ///< of even and odd exchanges
};

struct Machine {
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Warp> warps;
  State states[1024];  ///< of fibers
  const std::function<void()>* body = nullptr;
  Fiber* running = nullptr;
  void* scheduler = nullptr;
  int threads = 0;
  int at_block = 0;
  int done = 0;
  std::unique_ptr<unsigned char[]> shared;
  unsigned blocks = 0;  ///< begun so far: each takes another of four orders
  sigjmp_buf fault;
#ifdef __SANITIZE_ADDRESS__
  void* scheduler_fake = nullptr;
  const void* scheduler_bottom = nullptr;
  std::size_t scheduler_size = 0;
#endif
};

Machine machine;

void to_scheduler(bool for_good) {
  Fiber& fiber = *machine.running;
#ifdef __SANITIZE_ADDRESS__
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(for_good ? nullptr : &fake, machine.scheduler_bottom,
                                 machine.scheduler_size);
  inkfleet_switch_stack(&fiber.saved, machine.scheduler);
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#else
  static_cast<void>(for_good);
  inkfleet_switch_stack(&fiber.saved, machine.scheduler);
#endif
}

void run_thread() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(nullptr, &machine.scheduler_bottom, &machine.scheduler_size);
#endif
  (*machine.body)();
  machine.states[machine.running->index.x] = State::kDone;
  ++machine.done;
  to_scheduler(true);
  std::abort();
}

void begin(Fiber& fiber) {
#ifdef __SANITIZE_ADDRESS__
  // run_thread() never returned from its last run: what guarded its frame is still there.
  constexpr std::size_t kFirstFrames = 4096;
  __asan_unpoison_memory_region(fiber.stack.get() + kStackBytes - kFirstFrames, kFirstFrames);
#endif
  auto top = reinterpret_cast<std::uintptr_t>(fiber.stack.get() + kStackBytes) & ~std::uintptr_t{15};
  auto* stack = reinterpret_cast<void**>(top) - 2;
  *stack = reinterpret_cast<void*>(&run_thread);  // the address that `ret` takes
  fiber.saved = stack - 6;
  machine.states[fiber.index.x] = State::kReady;
  fiber.exchanges = 0;
}

void resume(Fiber& fiber) {
  machine.running = &fiber;
  threadIdx = fiber.index;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&machine.scheduler_fake, fiber.stack.get(), kStackBytes);
  inkfleet_switch_stack(&machine.scheduler, fiber.saved);
  __sanitizer_finish_switch_fiber(machine.scheduler_fake, nullptr, nullptr);
#else
  inkfleet_switch_stack(&machine.scheduler, fiber.saved);
#endif
}

void die(const char* why) {
  std::fprintf(stderr, "emulated GPU: %s (block %u of %u)\n", why, blockIdx.x, gridDim.x);
  std::abort();
}

/// Resumes each of some threads that can go on, once; false when none can.
bool resume_ready(int first, int count) {
  const bool backwards = machine.blocks % 2 == 1;
  bool any = false;
  for (int i = 0; i < count; ++i) {
    const int turn = first + (backwards ? count - 1 - i : i);
    if (machine.states[turn] != State::kReady) continue;
    any = true;
    resume(*machine.fibers[static_cast<std::size_t>(turn)]);
  }
  return any;
}

/// The same, a warp as far as it gets before the next.
bool resume_warps() {
  const int warps = static_cast<int>(machine.warps.size());
  bool any = false;
  for (int i = 0; i < warps; ++i) {
    const int first = (machine.blocks % 2 == 1 ? warps - 1 - i : i) * kWarpSize;
    while (resume_ready(first, std::min(kWarpSize, machine.threads - first))) any = true;
  }
  return any;
}

void run_block() {
  machine.at_block = machine.done = 0;
  for (Warp& warp : machine.warps) warp.arrived = 0;
  for (int i = 0; i < machine.threads; ++i) begin(*machine.fibers[static_cast<std::size_t>(i)]);
  while (machine.done < machine.threads) {
    const bool any = machine.blocks / 2 % 2 == 0 ? resume_ready(0, machine.threads) : resume_warps();
    if (!any) die("threads wait at different places, or for one that has ended");
  }
  if (machine.at_block > 0) die("a thread ended while others wait for it");
}

void on_fault(int signal, siginfo_t* info, void* /*context*/) {
  constexpr std::uintptr_t kFirstPage = 4096;
  if (machine.running != nullptr && reinterpret_cast<std::uintptr_t>(info->si_addr) < kFirstPage) {
    siglongjmp(machine.fault, 1);
  }
  std::signal(signal, SIG_DFL);
}

/// Keeps a handler of SIGSEGV while kernels run.
class FaultHandler {
 public:
  FaultHandler() {
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, &before_);
  }
  ~FaultHandler() { sigaction(SIGSEGV, &before_, nullptr); }
  FaultHandler(const FaultHandler&) = delete;
  FaultHandler& operator=(const FaultHandler&) = delete;

 private:
  struct sigaction before_ {};
};

void set_up(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& body) {
  if (block.y != 1 || block.z != 1 || grid.z != 1 || block.x == 0 || block.x > 1024 || grid.x == 0 ||
      grid.y != 1 || shared_bytes > kMostSharedBytes) {
    die("a grid of that shape or size is not emulated");
  }
  gridDim = grid;
  blockDim = block;
  machine.body = &body;
  machine.threads = static_cast<int>(block.x);
  machine.warps.resize((block.x + kWarpSize - 1) / kWarpSize);
  while (machine.fibers.size() < block.x) {
    machine.fibers.push_back(std::make_unique<Fiber>());
    machine.fibers.back()->index = dim3(static_cast<unsigned>(machine.fibers.size() - 1), 0, 0);
  }
  machine.shared.reset(new unsigned char[shared_bytes]);
}

}  // namespace

bool run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& body) {
  set_up(grid, block, shared_bytes, body);
  const FaultHandler handler;
  if (sigsetjmp(machine.fault, 1) != 0) {
    machine.running = nullptr;
    return false;
  }
  for (unsigned i = 0; i < grid.x; ++i) {
    blockIdx = dim3(i, 0, 0);
    std::memset(machine.shared.get(), kNan, shared_bytes);
    std::memset(__start_inkfleet_shared, kNan, __stop_inkfleet_shared - __start_inkfleet_shared);
    run_block();
    ++machine.blocks;
  }
  machine.running = nullptr;
  return true;
}

void* dynamic_shared() {
  return machine.shared.get();
}
int current_lane() {
  return static_cast<int>(machine.running->index.x % kWarpSize);
}

void wait_for_block() {
  if (++machine.at_block == machine.threads) {
    machine.at_block = 0;
    std::replace(machine.states, machine.states + machine.threads, State::kAtBlock, State::kReady);
    return;
  }
  machine.states[machine.running->index.x] = State::kAtBlock;
  to_scheduler(false);
}

const unsigned char* meet_warp(unsigned mask, const void* value, std::size_t bytes) {
  if (mask != 0xffffffffU || machine.threads % kWarpSize != 0) die("only whole warps are emulated");
  Fiber& self = *machine.running;
  const unsigned first = self.index.x / kWarpSize * kWarpSize;
  Warp& warp = machine.warps[self.index.x / kWarpSize];
  unsigned char* lanes = warp.lanes[self.exchanges++ % 2];
  std::memcpy(lanes + (self.index.x - first) * kLaneBytes, value, bytes);
  if (++warp.arrived == kWarpSize) {
    warp.arrived = 0;
    std::replace(machine.states + first, machine.states + first + kWarpSize, State::kAtWarp, State::kReady);
  } else {
    machine.states[self.index.x] = State::kAtWarp;
    to_scheduler(false);
  }
  return lanes;
}

}  // namespace emulator
