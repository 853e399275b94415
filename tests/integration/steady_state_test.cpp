// While suggestions run, nothing but their frames takes memory: a step of the model allocates nothing, and
// the scheduler no more for each token than its frame. What a service holds is therefore flat.

#include <atomic>
#include <cstdlib>
#include <new>

#include "model-service/gpt2/cpu_model.hpp"
#include "tests/unit/engine/fakes.hpp"

namespace {

std::atomic<long> allocations{0};

void* allocate(std::size_t size, std::size_t alignment) {
  ++allocations;
  void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Counts what this program and its libraries allocate through C++.
void* operator new(std::size_t size) {
  return allocate(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace inkfleet {
namespace {

// Turns red when: the plan of attention, or the quantized rows of a product, are made anew for each step.
TEST(SteadyState, AStepAllocatesNothingAndATokenOnlyItsFrame) {
  const std::filesystem::path folder = std::filesystem::path(INKFLEET_SOURCE_DIR) / "models/gpt2-demo";
  const auto model = gpt2::load_model(folder, {.dtype = gpt2::ComputeType::kInt8,
                                               .kv_dtype = gpt2::KvType::kInt8,
                                               .threads = 2,
                                               .kv_bytes = std::size_t{32} << 20U});
  const auto tokenizer = tokenizer::load_tokenizer(folder);
  engine::testing::CountingObserver observer;
  engine::Scheduler scheduler(model->shape(), *tokenizer, {}, observer);

  constexpr int kSuggestions = 5;
  engine::TimePoint now{std::chrono::seconds(1)};
  engine::Events events;
  scheduler.submit({.key = 1,
                    .suggest = {.id = "a", .n = kSuggestions, .max_tokens = 300, .top_k = 10, .seed = 1},
                    .prompt = std::vector<engine::TokenId>(100, 300),
                    .submitted = now},
                   now, events);
  long by_steps = 0;
  long by_scheduler = 0;
  constexpr int kWarm = 60;
  constexpr int kCounted = 200;
  for (int step = 0; step < kWarm + kCounted; ++step) {
    events.clear();
    const long before = allocations;
    const auto& plan = scheduler.plan(now, events);
    const long planned = allocations;
    for (const auto& [from, to] : plan.copies) model->copy_block(from, to);
    const auto result = model->step(plan.slices);
    const long stepped = allocations;
    scheduler.commit(result, now, events);
    if (step < kWarm) continue;
    by_steps += stepped - planned;
    by_scheduler += (planned - before) + (allocations - stepped);
  }
  ASSERT_EQ(scheduler.load().sequences, kSuggestions) << "they must still run for this to say anything";
  EXPECT_EQ(by_steps, 0);
  EXPECT_LE(by_scheduler, 2 * kSuggestions * kCounted);
}

}  // namespace
}  // namespace inkfleet
