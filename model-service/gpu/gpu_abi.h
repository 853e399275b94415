/* What libinkfleet_gpu.so offers: a GPT-2 on one CUDA device. Plain C, so that nvcc can build it and a program that knows
 * nothing of CUDA can load it. Functions return a cudaError_t, 0 for success; after any other code but
 * cudaErrorMemoryAllocation the device is lost to this process. One thread, the same for all calls of an object. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inkfleet_gpu inkfleet_gpu;

typedef enum { INKFLEET_GPU_FP32 = 0, INKFLEET_GPU_FP16 = 1, INKFLEET_GPU_BF16 = 2 } inkfleet_gpu_type;

typedef enum { INKFLEET_GPU_GELU_TANH = 0, INKFLEET_GPU_GELU_ERF = 1, INKFLEET_GPU_RELU = 2 } inkfleet_gpu_activation;

typedef struct {
  char name[256];
  int major, minor;             /* compute capability */
  int multiprocessors;
  int64_t total_bytes, free_bytes;
} inkfleet_gpu_device;

int inkfleet_gpu_describe(int device, inkfleet_gpu_device* described);

typedef struct {
  int vocab_size, context_length, width, heads, layers, inner;
  float layer_norm_epsilon;
  inkfleet_gpu_activation activation;
  inkfleet_gpu_type type;       /* to compute in: FP16 or BF16; sums are fp32 */
  int block_tokens;             /* positions in a block of the cache of keys and values */
  int scale_attention;          /* by 1 / sqrt(head's width) */
  int scale_by_inverse_layer;   /* and by 1 / (layer + 1) */
  int tied_head;                /* the output head is WTE */
} inkfleet_gpu_config;

/* Tensors named and laid out as in a Hugging Face GPT-2: a linear's weight is [in, out]. */
typedef enum {
  INKFLEET_GPU_WTE, INKFLEET_GPU_WPE, INKFLEET_GPU_LN_F_WEIGHT, INKFLEET_GPU_LN_F_BIAS, INKFLEET_GPU_LM_HEAD, /* [V, C] */
  INKFLEET_GPU_LN_1_WEIGHT, INKFLEET_GPU_LN_1_BIAS, INKFLEET_GPU_ATTN_C_ATTN_WEIGHT, INKFLEET_GPU_ATTN_C_ATTN_BIAS,
  INKFLEET_GPU_ATTN_C_PROJ_WEIGHT, INKFLEET_GPU_ATTN_C_PROJ_BIAS, INKFLEET_GPU_LN_2_WEIGHT, INKFLEET_GPU_LN_2_BIAS,
  INKFLEET_GPU_MLP_C_FC_WEIGHT, INKFLEET_GPU_MLP_C_FC_BIAS, INKFLEET_GPU_MLP_C_PROJ_WEIGHT, INKFLEET_GPU_MLP_C_PROJ_BIAS
} inkfleet_gpu_tensor;

/* Takes the device and memory for the weights. */
int inkfleet_gpu_open(int device, const inkfleet_gpu_config* config, inkfleet_gpu** gpu);

/* Converts a whole tensor of `count` numbers and sends it through pinned memory. `layer` is 0 for those outside the layers. */
int inkfleet_gpu_upload(inkfleet_gpu* gpu, inkfleet_gpu_tensor tensor, int layer, const void* values, inkfleet_gpu_type type,
                        int64_t count);

/* After the weights: workspace for steps of up to `max_rows` rows, graphs, and then blocks of keys and values from what is
 * left of the device's memory, at most `kv_bytes` (0: nine tenths of what is left). */
int inkfleet_gpu_plan(inkfleet_gpu* gpu, int max_rows, int64_t kv_bytes, int* kv_blocks);

/* As engine::StepSlice. */
typedef struct {
  const int32_t* tokens;
  int token_count;              /* at least 1 */
  int first_position;
  const int32_t* blocks;        /* cover positions 0 to first_position + token_count - 1 */
} inkfleet_gpu_slice;

/* A token to draw from the logits of the last row of a slice, as engine::Sampler does. */
typedef struct {
  int slice;
  int top_k;                    /* 0 is off */
  double temperature;           /* 0 is greedy */
  double top_p;                 /* 0 and 1 are off */
  double uniform;               /* in [0, 1) */
} inkfleet_gpu_draw;

/* Feeds all slices (at most max_rows tokens), draws on the device, and copies back the tokens [draws], and, for those few
 * whose sampling the host must do (log-probabilities, a choice of allowed tokens), the fp32 logits [logit_count, V] of the
 * last rows of the slices `logit_slices`. One wait for the device. */
int inkfleet_gpu_step(inkfleet_gpu* gpu, const inkfleet_gpu_slice* slices, int slice_count, const inkfleet_gpu_draw* draws,
                      int draw_count, int32_t* drawn, const int* logit_slices, int logit_count, float* logits);

/* Copies keys and values of a whole block, in order with the steps. */
int inkfleet_gpu_copy_block(inkfleet_gpu* gpu, int from, int to);

/* For tests of health: a kernel that reads an illegal address, or one that spins for `milliseconds`, on the step's stream. */
int inkfleet_gpu_break(inkfleet_gpu* gpu);
int inkfleet_gpu_spin(inkfleet_gpu* gpu, unsigned milliseconds);

/* Can block on a device that hangs. */
void inkfleet_gpu_close(inkfleet_gpu* gpu);

#ifdef __cplusplus
}
#endif
