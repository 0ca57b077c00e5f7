// kernels/ssd.h on a GPU: q, k, v and y in bf16, products by tensor cores with f32 sums, the state
// and its decays in f32. |error| <= 2^-6 max |y| (max |state|) against a double recurrence over the
// same inputs: a factor of each product is rounded to bf16 (2^-8) before it is summed.
#pragma once

#include "kernels/cuda/platform.cuh"
#include "kernels/ssd.h"

namespace stateline::kernels::cuda {

struct SsdArguments {
  size_t tokens, heads;
  const uint32_t* head;  // [heads]
  size_t K, V;           // at most 128
  const bf16* q;
  size_t ldq;
  const bf16* k;
  size_t ldk;
  const bf16* v;
  size_t ldv;
  const float* a;
  const float* dt;
  size_t lda;
  float scale;
  const float* state;  // [heads, K, V]
  float* next_state;   // [heads, K, V]; may be state
  float* workspace;    // ssd_workspace_floats(...)
  bf16* y;
  size_t ldy;
};

size_t ssd_workspace_floats(size_t tokens, size_t heads, size_t K, size_t V);

// Three launches (Mamba-2, arXiv 2405.21060, sec. 6): what each chunk adds to the state, all chunks
// at once; the scan over chunks; the outputs, all chunks at once.
void ssd_prefill(cudaStream_t stream, const SsdArguments& arguments);

}  // namespace stateline::kernels::cuda
