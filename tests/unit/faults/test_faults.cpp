#include <gmock/gmock.h>

#include <csignal>
#include <future>

#include "model-service/faults/faulty_device.hpp"
#include "model-service/faults/faulty_peer.hpp"
#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::faults {
namespace {

using namespace std::chrono_literals;
using engine::testing::Bench;
using engine::testing::RememberingModel;

class FaultyDevice : public ::testing::Test {
 protected:
  int steps() {
    static_cast<void>(faulty.step({}));
    return model.steps;
  }

  Faults faults;
  RememberingModel model{Bench::default_shape()};
  FaultyModel faulty{model, faults};
  health::Probe probe = faulty_probe([] { return health::ProbeAnswer{.right = true}; }, faults);
};

TEST_F(FaultyDevice, WithoutFaultsIsTheDeviceItself) {
  EXPECT_EQ(steps(), 1);
  EXPECT_TRUE(probe().right);
  EXPECT_EQ(&faulty.shape(), &model.shape());
  EXPECT_TRUE(faults.plan().active().empty());
}

// Break: leave hang_device out of meet_step(), and the step ends.
TEST_F(FaultyDevice, AHungDeviceHoldsStepsAndProbesUntilItIsCleared) {
  faults.set({.hang_device = true});
  auto step = std::async(std::launch::async, [&] { return steps(); });
  auto asked = std::async(std::launch::async, [&] { return probe(); });
  EXPECT_EQ(step.wait_for(50ms), std::future_status::timeout);
  EXPECT_EQ(asked.wait_for(0ms), std::future_status::timeout);
  faults.set({});
  ASSERT_EQ(step.wait_for(20s), std::future_status::ready);
  ASSERT_EQ(asked.wait_for(20s), std::future_status::ready);
  EXPECT_TRUE(asked.get().right);
}

TEST_F(FaultyDevice, AHungEngineLeavesTheProbeAlone) {
  faults.set({.hang_engine = true});
  auto step = std::async(std::launch::async, [&] { return steps(); });
  EXPECT_TRUE(probe().right);
  EXPECT_EQ(step.wait_for(50ms), std::future_status::timeout);
  faults.set({});
  EXPECT_EQ(step.wait_for(20s), std::future_status::ready);
}

// The error reaches the verdict as a real one does: by what is thrown and what the probe reports.
TEST_F(FaultyDevice, AFatalErrorStays) {
  faults.set({.device_error = &health::device_error(719)});
  faults.set({});
  for (int i = 0; i < 2; ++i) {
    try {
      steps();
      ADD_FAILURE() << "the step worked";
    } catch (const std::exception& failure) {
      EXPECT_EQ(health::classify(failure), &health::device_error(719));
    }
    EXPECT_EQ(probe().error, &health::device_error(719));
    EXPECT_FALSE(probe().right);
  }
}

TEST_F(FaultyDevice, MemoryIsOutForSoManySteps) {
  faults.set({.out_of_memory = 2});
  for (int i = 0; i < 2; ++i) {
    try {
      steps();
      ADD_FAILURE() << "the step worked";
    } catch (const std::exception& failure) {
      EXPECT_EQ(health::classify(failure)->error_class, health::ErrorClass::kOutOfMemory);
    }
    EXPECT_TRUE(probe().right) << "the device is well";
  }
  EXPECT_EQ(steps(), 1);
}

TEST_F(FaultyDevice, StepsAreSlowUntilItIsCleared) {
  faults.set({.slow_steps = 10ms});
  const auto begin = std::chrono::steady_clock::now();
  steps();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 10ms);
  faults.set({.slow_steps = 1h});
  auto step = std::async(std::launch::async, [&] { return steps(); });
  faults.set({});
  EXPECT_EQ(step.wait_for(20s), std::future_status::ready);
}

// Break: look at the first slice alone.
TEST_F(FaultyDevice, ATokenKillsWhatIsFedIt) {
  const std::vector<proto::TokenId> harmless{1, 2}, poisonous{3, 7};
  const std::vector<engine::StepSlice> slices{{.tokens = harmless}, {.tokens = poisonous}};
  faults.set({.exit_on_token = 4});
  for (const auto& slice : slices) faults.meet_tokens(slice.tokens);
  faults.set({.exit_on_token = 7});
  EXPECT_EXIT(static_cast<void>(faulty.step(slices)), ::testing::KilledBySignal(SIGKILL), "");
}

class CountingPeer : public net::WebSocketPeer {
 public:
  void send(proto::ServerFrame) override { ++sent; }
  void send_latest(std::string, std::string) override {}
  void close(net::CloseCode, std::string_view) override { ADD_FAILURE() << "a break is no goodbye"; }
  void drop() override { ++dropped; }

  int sent = 0, dropped = 0;
};

TEST(FaultyPeer, BreaksOnceWhenTheTokensAreSpent) {
  Faults faults;
  const auto real = std::make_shared<CountingPeer>();
  FaultyPeer peer(real, faults);
  faults.set({.drop_connection_after = 3});
  peer.send(proto::Started{});
  peer.send(proto::Delta{.id = "a", .tokens = {1, 2}});
  EXPECT_EQ(real->dropped, 0);
  peer.send(proto::Delta{.id = "a", .tokens = {3}});
  EXPECT_EQ(real->dropped, 1);
  peer.send(proto::Delta{.id = "a", .tokens = {4}});
  EXPECT_EQ(real->dropped, 1);
  EXPECT_EQ(real->sent, 3);
}

}  // namespace
}  // namespace inkfleet::faults
