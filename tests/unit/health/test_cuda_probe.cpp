// The compiled probe, on a machine with a GPU and on one without.

#include <gmock/gmock.h>

#include <filesystem>

#include "model-service/health/cuda_probe.hpp"

namespace inkfleet::health {
namespace {

using namespace std::chrono_literals;

bool has_driver() {
  return std::filesystem::exists("/dev/nvidiactl");
}

// The table against the runtime that reports these errors. Break: any typo in it.
TEST(CudaProbe, TheErrorTableIsTheRuntimesOwn) {
  const CudaProbeLibrary library(CUDA_PROBE_LIBRARY);
  for (const auto& error : device_errors()) {
    EXPECT_EQ(library.error_name(error.code), error.name) << error.code;
    EXPECT_EQ(library.error_string(error.code), error.meaning) << error.code;
  }
}

// Without a driver CUDA says so, which is a failing check like any other, and no reason to die.
TEST(CudaProbe, WithoutADriverItSaysSoEachTime) {
  if (has_driver()) GTEST_SKIP() << "this machine has a driver";
  const auto probe = load_cuda_probe(CUDA_PROBE_LIBRARY, 2s);
  for (int i = 0; i < 3; ++i) {
    const auto answer = probe();
    EXPECT_FALSE(answer.right);
    ASSERT_NE(answer.error, nullptr);
    EXPECT_EQ(answer.error->name, "cudaErrorInsufficientDriver");
    EXPECT_EQ(answer.error->error_class, ErrorClass::kUnusable);
  }
  const auto verdict = judge({.probe = {.right = false, .error = probe().error}}, {}, TimePoint{});
  EXPECT_EQ(failed_check(verdict)->name, "device");
  EXPECT_NE(failed_check(verdict)->failure.find("driver version is insufficient"), std::string::npos);
}

TEST(CudaProbe, ADeviceThatWorksAnswersRightly) {
  if (!has_driver()) GTEST_SKIP() << "this machine has no driver";
  const auto probe = load_cuda_probe(CUDA_PROBE_LIBRARY, 2s);
  for (int i = 0; i < 100; ++i) {
    const auto answer = probe();
    ASSERT_EQ(answer.error, nullptr) << answer.error->name;
    EXPECT_TRUE(answer.right);
  }
}

TEST(CudaProbe, ALibraryThatIsNotThereIsAClearError) {
  EXPECT_THAT([] { load_cuda_probe("/nowhere/libprobe.so", 2s); },
              ::testing::ThrowsMessage<std::runtime_error>(::testing::HasSubstr("make gpu")));
}

}  // namespace
}  // namespace inkfleet::health
