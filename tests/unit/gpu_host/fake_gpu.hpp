#pragma once

// What a test can ask of the library that stands in for a GPU's. The library takes the same order from
// INKFLEET_FAKE_GPU when it is loaded: "step 3 700" makes the third step return 700.

extern "C" {

/// The call of that name, from 1 on from now, that returns `code`, and all later ones with `forever`.
void fake_gpu_fail(const char* call, int number, int code, int forever);
/// Blocks of keys and values that the next plan finds room for.
void fake_gpu_kv_blocks(int blocks);
/// Its compute capability is `major`.0.
void fake_gpu_major(int major);
/// Draws tokens that are none.
void fake_gpu_draw_nonsense(int on);

/// Of all that were opened and not closed.
int fake_gpu_open_count();
/// Tensors and bytes that came since the last open, and the rows that the last plan was told.
int fake_gpu_tensors();
long long fake_gpu_bytes();
int fake_gpu_max_rows();
/// Rows of logits that went to the host since the last open.
int fake_gpu_logit_rows();
}
