// The engine's side of a GPU, against a library that stands in for one: what it hands over, and what it makes
// of errors.

#include <filesystem>
#include <fstream>

#include "model-service/gpu/gpu_model.hpp"
#include "model-service/health/device_error.hpp"
#include "model-service/health/error_latch.hpp"
#include "tests/unit/engine/fakes.hpp"
#include "tests/unit/engine/mixed_requests.hpp"
#include "tests/unit/gpu_host/fake_gpu.hpp"

namespace inkfleet::gpu {
namespace {

namespace fs = std::filesystem;
using engine::testing::Bench;
using health::ErrorClass;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const fs::path kTiny = fs::path(INKFLEET_SOURCE_DIR) / "tests/data/gpt2/tiny";

/// A model of the engine tests' shape, and a library without errors.
class GpuModelTest : public ::testing::Test {
 protected:
  GpuModelTest() {
    for (const char* call : {"describe", "open", "upload", "plan", "step", "copy"})
      fake_gpu_fail(call, 0, 0, 0);
    fake_gpu_kv_blocks(512);
    fake_gpu_major(9);
    fake_gpu_draw_nonsense(0);
  }

  static std::unique_ptr<GpuModel> make() {
    const auto shape = Bench::default_shape();
    auto model = std::make_unique<GpuModel>(GpuLibrary(FAKE_GPU_LIBRARY), 0,
                                            inkfleet_gpu_config{.vocab_size = shape.vocab_size,
                                                                .context_length = shape.context_length,
                                                                .block_tokens = shape.block_tokens});
    model->plan(engine::SchedulerOptions{}.most_rows(), 0, shape.end_of_text);
    return model;
  }

  static void step_once(GpuModel& model) {
    const engine::TokenId token = 'a';
    const engine::BlockId block = 0;
    const engine::Draw draw;
    const engine::StepSlice slice{
        .tokens = {&token, 1}, .blocks = {&block, 1}, .wants_logits = true, .draws = {&draw, 1}};
    static_cast<void>(model.step({&slice, 1}));
  }

  static const health::DeviceError* error_of_step(GpuModel& model) {
    try {
      step_once(model);
    } catch (const std::exception& failure) {
      return health::classify(failure);
    }
    return nullptr;
  }
};

// Break: leave a slice's number out of its draws, or its row out of logit_slices_.
TEST_F(GpuModelTest, TheSchedulerGetsTheSameTokensAsFromTheHostsSampler) {
  const engine::SchedulerOptions options{.max_sequences = 12, .prefill_rows = 16, .prefill_burst = 32};
  const std::vector<std::string> words{"aa", "bcd", "the", "ee"};
  auto shape = Bench::default_shape();
  shape.vocab_size += static_cast<int>(words.size());
  Bench on_host(shape, options, words);
  Bench on_device(shape, options, words);
  GpuModel model(GpuLibrary(FAKE_GPU_LIBRARY), 0,
                 {.vocab_size = shape.vocab_size,
                  .context_length = shape.context_length,
                  .block_tokens = shape.block_tokens});
  model.plan(options.most_rows(), 0, shape.end_of_text);
  on_device.device = &model;
  for (Bench* bench : {&on_host, &on_device}) {
    for (const auto& suggest : engine::testing::mixed_requests()) {
      bench->submit(suggest);
      bench->step();
    }
    bench->run();
  }
  engine::testing::expect_same_texts(on_device.transcripts, on_host.transcripts);
  EXPECT_GT(fake_gpu_logit_rows(), 0);
  EXPECT_LT(fake_gpu_logit_rows(), on_host.model.logits_rows / 2);
}

// Break: leave a tensor out of Uploader::send_layer, or send half of one.
TEST_F(GpuModelTest, EachTensorOfTheFileGoesOverWhole) {
  std::ifstream file(kTiny / "model.safetensors", std::ios::binary);
  std::uint64_t header = 0;
  file.read(reinterpret_cast<char*>(&header), sizeof header);
  const auto data = fs::file_size(kTiny / "model.safetensors") - sizeof header - header;
  std::uint64_t last_done = 0;
  const auto loaded = load_model(
      kTiny,
      {.library = FAKE_GPU_LIBRARY, .max_rows = 300, .progress = [&](auto done, auto) { last_done = done; }});
  EXPECT_EQ(fake_gpu_tensors(), 4 + 12 * loaded.summary.layers);
  EXPECT_EQ(fake_gpu_bytes(), static_cast<long long>(data));
  EXPECT_EQ(last_done, data);
  EXPECT_EQ(fake_gpu_max_rows(), 300);
  EXPECT_STREQ(loaded.device.name, "Fake GPU");
  EXPECT_EQ(loaded.model->shape().context_length, loaded.summary.context_length);
}

// Break: let the destructor close a device that is lost, which can block for good.
TEST_F(GpuModelTest, IsClosedUnlessTheDeviceIsLost) {
  const int before = fake_gpu_open_count();
  make().reset();
  EXPECT_EQ(fake_gpu_open_count(), before);
  auto model = make();
  fake_gpu_fail("step", 1, 2, 0);
  EXPECT_EQ(error_of_step(*model)->error_class, ErrorClass::kOutOfMemory);
  model.reset();
  EXPECT_EQ(fake_gpu_open_count(), before);
  model = make();
  fake_gpu_fail("step", 1, 700, 0);
  EXPECT_NE(error_of_step(*model), nullptr);
  model.reset();
  EXPECT_EQ(fake_gpu_open_count(), before + 1);
}

// Break: throw device_error(code) for every code: an invalid argument would be tried for ever.
TEST_F(GpuModelTest, AfterAnyErrorButWantOfMemoryTheDeviceIsLostForGood) {
  for (const int code : {1, 700, 719, 901, 999}) {
    auto model = make();
    fake_gpu_fail("step", 1, code, 0);
    const auto* const error = error_of_step(*model);
    ASSERT_NE(error, nullptr) << code;
    EXPECT_EQ(error->code, code);
    EXPECT_TRUE(is_fatal(error->error_class)) << code;
    health::ErrorLatch latch;
    latch.see(*error);
    EXPECT_EQ(latch.first(), error);
  }
  auto model = make();
  fake_gpu_fail("copy", 1, 700, 0);
  EXPECT_THROW(model->copy_block(0, 1), health::DeviceFailure);
}

// Break: leave DeviceFailure out of health::classify(), or throw it for want of memory as lost.
TEST_F(GpuModelTest, WithoutMemoryOneStepEndsAndTheNextOneIsComputed) {
  auto model = make();
  fake_gpu_fail("step", 1, 2, 0);
  const auto* const error = error_of_step(*model);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->error_class, ErrorClass::kOutOfMemory);
  EXPECT_FALSE(is_fatal(error->error_class));
  EXPECT_NO_THROW(step_once(*model));
}

// Break: leave out the check of drawn tokens in GpuModel::step.
TEST_F(GpuModelTest, TokensThatAreNoneAreAnErrorOfTheModel) {
  auto model = make();
  fake_gpu_draw_nonsense(1);
  EXPECT_THAT([&] { step_once(*model); },
              ThrowsMessage<std::runtime_error>(HasSubstr("drew a token that is none")));
  fake_gpu_draw_nonsense(0);
  EXPECT_NO_THROW(step_once(*model));
}

TEST_F(GpuModelTest, WhatCannotBeLoadedIsToldInOneLine) {
  const auto load = [] { static_cast<void>(load_model(kTiny, {.library = FAKE_GPU_LIBRARY})); };
  const auto says = [](const std::string& words) {
    return ThrowsMessage<std::runtime_error>(HasSubstr(words));
  };
  fake_gpu_fail("describe", 1, 35, 0);
  EXPECT_THAT(load, says("cudaErrorInsufficientDriver, CUDA driver version is insufficient"));
  fake_gpu_fail("open", 1, 2, 0);
  EXPECT_THAT(load, says("taking the device: cudaErrorMemoryAllocation, out of memory"));
  fake_gpu_fail("upload", 5, 2, 0);
  EXPECT_THAT(load, says("uploading weights: cudaErrorMemoryAllocation"));
  fake_gpu_fail("plan", 1, 2, 0);
  EXPECT_THAT(load, says("taking memory for steps, keys and values: cudaErrorMemoryAllocation"));
  fake_gpu_kv_blocks(1);
  EXPECT_THAT(load, says("--cache-mb: expected room for one full context"));
  EXPECT_THAT([] { GpuLibrary("/nowhere/libinkfleet_gpu.so"); }, says("take --device cpu"));
}

TEST_F(GpuModelTest, BeforeAmpereThereIsNoBf16) {
  const auto load = [](inkfleet_gpu_type type) {
    static_cast<void>(load_model(kTiny, {.library = FAKE_GPU_LIBRARY, .type = type, .progress = {}}));
  };
  fake_gpu_major(7);
  EXPECT_THAT([&] { load(INKFLEET_GPU_BF16); },
              ThrowsMessage<std::runtime_error>(HasSubstr(
                  "--dtype bf16: expected a GPU of compute capability 8.0 or above, found Fake GPU of 7.0")));
  EXPECT_NO_THROW(load(INKFLEET_GPU_FP16));
  fake_gpu_major(8);
  EXPECT_NO_THROW(load(INKFLEET_GPU_BF16));
}

TEST_F(GpuModelTest, AMachineWithoutAGpuIsNoError) {
  EXPECT_TRUE(find_gpu(FAKE_GPU_LIBRARY).device.has_value());
  fake_gpu_fail("describe", 1, 100, 0);
  const auto none = find_gpu(FAKE_GPU_LIBRARY);
  EXPECT_FALSE(none.device.has_value());
  EXPECT_EQ(none.reason, "cudaErrorNoDevice, no CUDA-capable device is detected");
  EXPECT_FALSE(find_gpu("/nowhere/libinkfleet_gpu.so").device.has_value());
}

}  // namespace
}  // namespace inkfleet::gpu
