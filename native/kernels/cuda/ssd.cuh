// kernels/ssd.h and kernels/delta.h on a GPU: q, k, v and y in bf16, the state and its decays in
// f32.
#pragma once

#include "kernels/cuda/types.h"
#include "kernels/ssd.h"

namespace stateline::kernels::cuda {

// Wider keys or values do not fit the tiles of ssd_prefill and ssd_step.
constexpr size_t kMaxTileDim = 128;

struct SsdArguments {
  size_t tokens, heads;
  const uint32_t* head;    // [heads]
  uint32_t heads_per_key;  // head h reads q and k of number h / heads_per_key
  size_t K, V;             // at most 256
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
  float* workspace;    // ssd_workspace_floats(...), of the prefill road
  bf16* y;
  size_t ldy;
  bool delta = false;  // the delta rule, of which dt is the writing strength
};

size_t ssd_workspace_floats(size_t tokens, size_t heads, size_t K, size_t V);

// Three launches (Mamba-2, arXiv 2405.21060, sec. 6): what each chunk adds to the state, all chunks
// at once; the scan over chunks; the outputs, all chunks at once. Products by tensor cores with f32
// sums: |error| <= 2^-6 max |y| (max |state|) against a double recurrence over the same inputs, as
// a factor of each product is rounded to bf16 (2^-8) before it is summed.
void ssd_prefill(cudaStream_t stream, const SsdArguments& arguments);

// tokens == 1: the recurrence itself, in f32. |error| <= 2^-8 |y| + 1e-5 max |y|; of the state 1e-5
// max |state|.
void ssd_step(cudaStream_t stream, const SsdArguments& arguments);

// Any number of tokens, one after the other, in f32; also by the delta rule (Gated DeltaNet, arXiv
// 2412.06464, eq. 10), and for K or V beyond the tiles. |error| <= 2^-8 |y| + 5e-5 max |y|; of the
// state 5e-5 max |state|.
void recurrence(cudaStream_t stream, const SsdArguments& arguments);

// Whichever suits.
inline void ssd(cudaStream_t stream, const SsdArguments& s) {
  if (s.delta || s.K > kMaxTileDim || s.V > kMaxTileDim) return recurrence(stream, s);
  (s.tokens == 1 ? ssd_step : ssd_prefill)(stream, s);
}

}  // namespace stateline::kernels::cuda
