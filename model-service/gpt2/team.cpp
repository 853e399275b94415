#include "model-service/gpt2/team.hpp"

#include <omp.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace inkfleet::gpt2 {
namespace {

/// About a tenth of a millisecond: longer than threads are apart unless one was not let run.
constexpr int kSpins = 4000;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// ThreadSanitizer does not see into libgomp: what the begin and the end of a region order is told to it.
#if defined(__SANITIZE_THREAD__)
void happens_before(void* place) {
  __tsan_release(place);
}
void happens_after(void* place) {
  __tsan_acquire(place);
}
#else
void happens_before(void*) {}
void happens_after(void*) {}
#endif

constexpr std::uint64_t range_of(std::uint64_t begin, std::uint64_t end) {
  return begin << 32U | end;
}
constexpr std::uint64_t begin_of(std::uint64_t range) {
  return range >> 32U;
}
constexpr std::uint64_t end_of(std::uint64_t range) {
  return range & 0xffffffffU;
}

}  // namespace

/// Spins, then sleeps: where cores are shared, the thread that is waited for may need this one's.
struct Team::Barrier {
  alignas(64) std::atomic<int> arrived{0};
  alignas(64) std::atomic<std::uint32_t> generation{0};
  std::atomic<int> sleeping{0};

  void wait(int threads) {
    const std::uint32_t before = generation.load(std::memory_order_acquire);
    if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
      arrived.store(0, std::memory_order_relaxed);
      generation.fetch_add(1);
      if (sleeping.load() > 0) generation.notify_all();
      return;
    }
    for (int spin = 0; spin < kSpins; ++spin) {
      if (generation.load(std::memory_order_acquire) != before) return;
      pause();
    }
    sleeping.fetch_add(1);
    generation.wait(before);
    sleeping.fetch_sub(1);
  }
};

Team::Team(int threads)
    : threads_(threads),
      ranges_(std::make_unique<Range[]>(std::size_t{2} * threads)),
      barrier_(std::make_unique<Barrier>()) {}

Team::~Team() = default;

// Not instrumented itself, for its threads read its frame before anything is told.
[[gnu::no_sanitize_thread]] void Team::run(const std::function<void(Worker&)>& work) {
  void* const begin = &ranges_;
  void* const end = &barrier_;
  happens_before(begin);
#pragma omp parallel num_threads(threads_)
  {
    happens_after(begin);
    Worker worker(*this, omp_get_thread_num(), omp_get_num_threads());
    work(worker);
    happens_before(end);
  }
  happens_after(end);
}

std::atomic<std::uint64_t>& Team::Worker::range(int rank) const {
  return team_.ranges_[parity_ * team_.threads_ + rank].items;
}

// Nobody looks at this stage's ranges any more when a thread writes those of the stage after the next: all
// have passed the barrier between.
int Team::Worker::begin_stage(int items) {
  parity_ ^= 1;
  const int middle = (share_of(items) + share_end(items) + 1) / 2;
  range(rank_).store(range_of(middle, share_end(items)), std::memory_order_relaxed);
  team_.barrier_->wait(threads_);
  return middle;
}

int Team::Worker::take_own() {
  auto& own = range(rank_);
  std::uint64_t seen = own.load(std::memory_order_relaxed);
  while (begin_of(seen) < end_of(seen)) {
    if (own.compare_exchange_weak(seen, range_of(begin_of(seen) + 1, end_of(seen)),
                                  std::memory_order_relaxed)) {
      return static_cast<int>(begin_of(seen));
    }
  }
  return -1;
}

int Team::Worker::steal(int victim) {
  auto& others = range(victim);
  std::uint64_t seen = others.load(std::memory_order_relaxed);
  while (begin_of(seen) < end_of(seen)) {
    if (others.compare_exchange_weak(seen, range_of(begin_of(seen), end_of(seen) - 1),
                                     std::memory_order_relaxed)) {
      return static_cast<int>(end_of(seen) - 1);
    }
  }
  return -1;
}

}  // namespace inkfleet::gpt2
