// libinkfleet_gpu.so and libinkfleet_cuda_probe.so without a GPU: the model that remembers
// (tests/unit/engine) behind their C interface, with errors to order.

#include "tests/unit/gpu_host/fake_gpu.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "model-service/gpu/gpu_abi.h"
#include "model-service/health/cuda_probe_abi.h"
#include "tests/unit/engine/fakes.hpp"

using inkfleet::engine::Draw;
using inkfleet::engine::ModelShape;
using inkfleet::engine::StepSlice;
using inkfleet::engine::testing::RememberingModel;

namespace {

struct Order {
  int calls_left = 0;
  int code = 0;
  bool forever = false;
};

struct Fake {
  std::map<std::string, Order> orders;
  int kv_blocks = 512;
  int major = 9;
  bool nonsense = false;
  std::set<inkfleet_gpu*> open;  ///< kept here, so that what is never closed on purpose is no leak
  int tensors = 0;
  long long bytes = 0;
  int max_rows = 0;
  int logit_rows = 0;

  Fake() {
    const char* order = std::getenv("INKFLEET_FAKE_GPU");
    char call[16] = "";
    int number = 0;
    int code = 0;
    if (order != nullptr && std::sscanf(order, "%15s %d %d", call, &number, &code) == 3) {
      orders[call] = {.calls_left = number, .code = code, .forever = code != 2};
    }
  }

  int meet(const char* call) {
    auto& order = orders[call];
    if (order.calls_left == 0 || --order.calls_left > 0) return 0;
    if (order.forever) order.calls_left = 1;
    return order.code;
  }
};

Fake& fake() {
  static Fake& instance = *new Fake;  // which no end of the program takes away
  return instance;
}

long long size_of(inkfleet_gpu_type type) {
  return type == INKFLEET_GPU_FP32 ? 4 : 2;
}

}  // namespace

struct inkfleet_gpu {
  inkfleet_gpu_config config{};
  std::unique_ptr<RememberingModel> model;
};

void fake_gpu_fail(const char* call, int number, int code, int forever) {
  fake().orders[call] = {.calls_left = number, .code = code, .forever = forever != 0};
}
void fake_gpu_kv_blocks(int blocks) {
  fake().kv_blocks = blocks;
}
void fake_gpu_major(int major) {
  fake().major = major;
}
void fake_gpu_draw_nonsense(int on) {
  fake().nonsense = on != 0;
}
int fake_gpu_open_count() {
  return static_cast<int>(fake().open.size());
}
int fake_gpu_tensors() {
  return fake().tensors;
}
long long fake_gpu_bytes() {
  return fake().bytes;
}
int fake_gpu_max_rows() {
  return fake().max_rows;
}
int fake_gpu_logit_rows() {
  return fake().logit_rows;
}

int inkfleet_gpu_describe(int device, inkfleet_gpu_device* described) {
  if (const int code = fake().meet("describe")) return code;
  if (device != 0) return 101;
  *described = {
      .name = "Fake GPU", .major = fake().major, .minor = 0, .multiprocessors = 1, .total_bytes = 1LL << 30};
  return 0;
}

int inkfleet_gpu_open(int, const inkfleet_gpu_config* config, inkfleet_gpu** gpu) {
  if (const int code = fake().meet("open")) return code;
  *gpu = new inkfleet_gpu{.config = *config, .model = {}};
  fake().open.insert(*gpu);
  fake().tensors = 0;
  fake().bytes = 0;
  fake().logit_rows = 0;
  return 0;
}

int inkfleet_gpu_upload(inkfleet_gpu*, inkfleet_gpu_tensor, int, const void* values, inkfleet_gpu_type type,
                        int64_t count) {
  if (const int code = fake().meet("upload")) return code;
  if (values == nullptr) return 1;
  ++fake().tensors;
  fake().bytes += count * size_of(type);
  return 0;
}

int inkfleet_gpu_plan(inkfleet_gpu* gpu, int max_rows, int64_t, int* kv_blocks) {
  if (const int code = fake().meet("plan")) return code;
  fake().max_rows = max_rows;
  *kv_blocks = fake().kv_blocks;
  gpu->model = std::make_unique<RememberingModel>(ModelShape{.vocab_size = gpu->config.vocab_size,
                                                             .context_length = gpu->config.context_length,
                                                             .block_tokens = gpu->config.block_tokens,
                                                             .kv_blocks = fake().kv_blocks});
  gpu->model->draws = true;
  return 0;
}

int inkfleet_gpu_step(inkfleet_gpu* gpu, const inkfleet_gpu_slice* slices, int slice_count,
                      const inkfleet_gpu_draw* draws, int draw_count, int32_t* drawn, const int* logit_slices,
                      int logit_count, float* logits) {
  if (const int code = fake().meet("step")) return code;
  std::vector<Draw> wanted;
  for (int i = 0; i < draw_count; ++i) {
    wanted.push_back(
        {.parameters = {draws[i].temperature, draws[i].top_k, draws[i].top_p}, .uniform = draws[i].uniform});
  }
  std::vector<StepSlice> step;
  int rows = 0;
  for (int i = 0; i < slice_count; ++i) {
    const auto& slice = slices[i];
    const int end = slice.first_position + slice.token_count;
    const int blocks = (end + gpu->config.block_tokens - 1) / gpu->config.block_tokens;
    const auto* first = std::find_if(draws, draws + draw_count, [&](const auto& d) { return d.slice == i; });
    const auto count = std::count_if(draws, draws + draw_count, [&](const auto& d) { return d.slice == i; });
    const bool wants_row =
        std::find(logit_slices, logit_slices + logit_count, i) != logit_slices + logit_count;
    step.push_back(
        {.tokens = {slice.tokens, static_cast<std::size_t>(slice.token_count)},
         .first_position = slice.first_position,
         .blocks = {slice.blocks, static_cast<std::size_t>(blocks)},
         .wants_logits = wants_row || count > 0,
         .draws = std::span(wanted).subspan(count > 0 ? static_cast<std::size_t>(first - draws) : 0,
                                            static_cast<std::size_t>(count))});
    rows += slice.token_count;
  }
  if (rows > fake().max_rows) return 1;
  const auto result = gpu->model->step(step);
  std::copy(result.drawn.begin(), result.drawn.end(), drawn);
  std::copy(result.logits.begin(), result.logits.end(), logits);
  if (fake().nonsense) std::fill_n(drawn, draw_count, -1);
  fake().logit_rows += logit_count;
  return 0;
}

int inkfleet_gpu_copy_block(inkfleet_gpu* gpu, int from, int to) {
  if (const int code = fake().meet("copy")) return code;
  gpu->model->copy_block(from, to);
  return 0;
}

int inkfleet_gpu_break(inkfleet_gpu*) {
  fake_gpu_fail("step", 1, 700, 1);
  return 0;
}

int inkfleet_gpu_spin(inkfleet_gpu*, unsigned) {
  return 0;
}

void inkfleet_gpu_close(inkfleet_gpu* gpu) {
  fake().open.erase(gpu);
  delete gpu;
}

// ---- the probe
// ----------------------------------------------------------------------------------------------

struct inkfleet_cuda_probe {};

int inkfleet_cuda_probe_open(int, inkfleet_cuda_probe** probe) {
  *probe = new inkfleet_cuda_probe;
  return 0;
}
int inkfleet_cuda_probe_ask(inkfleet_cuda_probe*, unsigned, int* right) {
  *right = 1;
  return fake().meet("probe");
}
void inkfleet_cuda_probe_close(inkfleet_cuda_probe* probe) {
  delete probe;
}
const char* inkfleet_cuda_error_name(int) {
  return "";
}
const char* inkfleet_cuda_error_string(int) {
  return "";
}
