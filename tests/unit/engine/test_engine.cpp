#include <future>
#include <numeric>
#include <thread>

#include "model-service/engine/engine.hpp"
#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::engine::testing {
namespace {

using namespace std::chrono_literals;

// Runs an engine on a thread of its own and lets a test wait for what it delivers.
class EngineTest : public ::testing::Test {
 protected:
  EngineTest()
      : model(Bench::default_shape()),
        engine(
            model.shape(), tokenizer, {}, observer, [this](Events events) { take(std::move(events)); },
            [this](const std::exception& failure) {
              failures.emplace_back(failure.what());
              return kind;
            }),
        thread([this] { engine.run(model); }) {}

  ~EngineTest() override {
    engine.stop();
    thread.join();
  }

  void submit(RequestKey key, int max_tokens, int n = 1) {
    proto::Suggest suggest{.id = std::to_string(key), .n = n, .max_tokens = max_tokens, .seed = 1};
    engine.submit({.key = key, .suggest = suggest, .prompt = {'a', 'b'}, .submitted = Clock::now()});
  }

  template <typename Condition>
  bool wait_for(Condition condition) {
    std::unique_lock lock(mutex);
    return arrived.wait_for(lock, 20s, condition);
  }

  void take(Events events) {
    const std::lock_guard lock(mutex);
    for (auto& event : events) transcripts[event.key].add(event.frame);
    arrived.notify_all();
  }

  ByteTokenizer tokenizer;
  CountingObserver observer;
  RememberingModel model;
  std::mutex mutex;
  std::condition_variable arrived;
  std::map<RequestKey, Transcript> transcripts;
  std::vector<std::string> failures;
  StepFailure kind = StepFailure::kInternal;
  Engine engine;
  std::thread thread;
};

TEST_F(EngineTest, AnswersRequestsFromManyThreads) {
  std::vector<std::thread> clients;
  for (RequestKey key = 1; key <= 8; ++key) clients.emplace_back([this, key] { submit(key, 20, 2); });
  for (auto& client : clients) client.join();
  ASSERT_TRUE(wait_for([this] {
    return transcripts.size() == 8 && std::all_of(transcripts.begin(), transcripts.end(),
                                                  [](const auto& entry) { return entry.second.ended(); });
  }));
  for (const auto& [key, transcript] : transcripts) EXPECT_EQ(transcript.suggestions.size(), 2U);
}

TEST_F(EngineTest, CancelReachesARunningRequest) {
  submit(1, 120);
  ASSERT_TRUE(wait_for([this] { return !transcripts[1].started.empty(); }));
  engine.cancel(1, std::nullopt);
  ASSERT_TRUE(wait_for([this] { return transcripts[1].ended(); }));
}

/// Stops the engine thread in the middle of a step until the test lets it go on.
class HeldStep {
 public:
  HeldStep(RememberingModel& model, int steps_before) {
    model.before_step = [this, &model, steps_before] {
      if (model.steps != steps_before) return;
      reached_.set_value();
      static_cast<void>(opened_.wait_for(20s));
    };
  }
  [[nodiscard]] bool wait() { return reached_.get_future().wait_for(20s) == std::future_status::ready; }
  void go_on() { open_.set_value(); }

 private:
  std::promise<void> reached_;
  std::promise<void> open_;
  std::shared_future<void> opened_ = open_.get_future().share();
};

// A cancel that comes while a step is computed: that step is the last for its suggestion. Turns red when:
// orders are taken from the mailbox after the step instead of before it.
TEST_F(EngineTest, ACancelledSuggestionIsInNoFurtherStep) {
  HeldStep fourth(model, 3);
  submit(1, 120, 3);
  ASSERT_TRUE(fourth.wait());
  engine.cancel(1, 1);
  engine.cancel(1, 2);
  engine.cancel(1, 0);
  fourth.go_on();
  ASSERT_TRUE(wait_for([this] { return transcripts[1].ended(); }));
  EXPECT_THAT(observer.cancelled, ::testing::ElementsAre(1, 1, 1));
  EXPECT_EQ(model.steps, 4);
}

// The same when its connection goes away, and beside it a request that no step has seen.
TEST_F(EngineTest, AnAbandonedSuggestionIsInNoFurtherStep) {
  HeldStep fourth(model, 3);
  submit(1, 120);
  ASSERT_TRUE(fourth.wait());
  submit(2, 120);
  engine.abandon(1);
  engine.cancel(2, std::nullopt);
  fourth.go_on();
  ASSERT_TRUE(wait_for([this] { return transcripts[2].ended(); }));
  EXPECT_THAT(observer.cancelled, ::testing::ElementsAre(1, 0));
  EXPECT_EQ(model.steps, 4);
}

TEST_F(EngineTest, AnAbandonedRequestHearsNothingMore) {
  engine.abandon(1);  // unknown: nothing happens
  submit(2, 5);
  ASSERT_TRUE(wait_for([this] { return transcripts[2].ended(); }));
}

/// Notes which blocks it was told to prepare.
class PreparingModel : public RememberingModel {
 public:
  using RememberingModel::RememberingModel;
  void prepare_block(BlockId block) override {
    const std::lock_guard lock(mutex);
    prepared.push_back(block);
    changed.notify_all();
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, [&] { return prepared.size() >= count; });
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<BlockId> prepared;
};

// An idle engine has the memory of one more text's blocks ready, each block once and none that is not there.
// Turns red when: blocks_to_prepare() counts from 0 instead of from what was used, or leaves out the limit.
TEST(IdleEngine, PreparesBlocksAheadOfWhatWasUsed) {
  const ModelShape shape{
      .vocab_size = 257, .context_length = 128, .block_tokens = 4, .kv_blocks = 50, .end_of_text = 256};
  const ByteTokenizer tokenizer;
  CountingObserver observer;
  PreparingModel model(shape);
  Engine engine(
      shape, tokenizer, {}, observer, [](Events) {}, [](const auto&) { return StepFailure::kInternal; });
  std::thread thread([&] { engine.run(model); });
  EXPECT_TRUE(model.wait_for(32));
  const proto::Suggest suggest{.id = "1", .max_tokens = 60, .seed = 1};
  engine.submit({.key = 1, .suggest = suggest, .prompt = {'a', 'b'}, .submitted = Clock::now()});
  EXPECT_TRUE(model.wait_for(32 + 15));
  const proto::Suggest another{.id = "2", .max_tokens = 100, .seed = 2};
  engine.submit({.key = 2, .suggest = another, .prompt = {'b', 'b'}, .submitted = Clock::now()});
  EXPECT_TRUE(model.wait_for(50));
  engine.stop();
  thread.join();
  std::vector<BlockId> all(50);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(model.prepared, all);
}

class FailingEngineTest : public EngineTest {
 protected:
  FailingEngineTest() = default;
};

TEST_F(FailingEngineTest, AFailedStepIsReportedAndTheNextRequestWorks) {
  submit(1, 2);
  ASSERT_TRUE(wait_for([this] { return transcripts[1].ended(); }));
  model.fail_next = true;
  submit(2, 5);
  ASSERT_TRUE(wait_for([this] { return transcripts[2].ended(); }));
  ASSERT_EQ(transcripts[2].errors.size(), 1U);
  EXPECT_EQ(transcripts[2].errors[0].message.find("fault of the test"), std::string::npos)
      << "inside text reached a client";
  submit(3, 5);
  ASSERT_TRUE(wait_for([this] { return transcripts[3].ended(); }));
  EXPECT_EQ(transcripts[3].completed.size(), 1U);
  EXPECT_EQ(failures.size(), 1U);
}

// Break: take every failure for kInternal in Engine::step().
TEST_F(FailingEngineTest, WithoutMemoryARequestIsToldToComeBack) {
  kind = StepFailure::kOutOfMemory;
  model.fail_next = true;
  submit(1, 5);
  ASSERT_TRUE(wait_for([this] { return transcripts[1].ended(); }));
  ASSERT_EQ(transcripts[1].errors.size(), 1U);
  EXPECT_EQ(transcripts[1].errors[0].code, proto::ErrorCode::kOverloaded);
  EXPECT_TRUE(transcripts[1].errors[0].retry_after.has_value());
  submit(2, 5);
  ASSERT_TRUE(wait_for([this] { return transcripts[2].ended(); }));
  EXPECT_EQ(transcripts[2].completed.size(), 1U);
}

TEST_F(EngineTest, TheHeartbeatIsBusyOnlyWhileWorkIsPending) {
  EXPECT_FALSE(engine.heartbeat().busy);
  submit(1, 5);
  ASSERT_TRUE(wait_for([this] { return transcripts[1].ended(); }));
  const auto deadline = Clock::now() + 20s;
  while (engine.heartbeat().busy && Clock::now() < deadline) std::this_thread::yield();
  EXPECT_FALSE(engine.heartbeat().busy);
}

}  // namespace
}  // namespace inkfleet::engine::testing
