// One token through a layer's state heads in one launch: convolution, norms, discretisation, state
// update, skip, norm and gate (docs/architecture.md, "The model").
#pragma once

#include "kernels/causal_conv.h"
#include "kernels/cuda/platform.cuh"
#include "kernels/ssd.h"

namespace stateline::kernels::cuda {

// u [q | k | v | z | dt], rows H K, H K, H V, H V, H: what in_proj gave for the token. C = H (2K +
// V) channels. Only the channels and outputs of the named heads are touched. Everything between u
// and y stays in f32. |error| <= 2^-7 (|y| + largest out_norm) against the reference kernels one
// after another; of the state 1e-5 relative to its largest.
struct DecodeStepArguments {
  size_t H, heads;
  const uint32_t* head;  // [heads]
  size_t K, V;           // at most 128
  const bf16* u;
  const float* conv_weight;  // [4, C]
  const float* conv_bias;    // [C]
  const float* history;      // [3, C]
  float* next_history;       // [3, C], apart from history
  const float* q_norm;       // [H, K]
  const float* k_norm;       // [H, K]
  const float* dt_bias;      // [H]
  const float* A_log;        // [H]
  const float* D;            // [H]
  const float* out_norm;     // [H, V]
  float eps;
  const float* state;  // [heads, K, V]
  float* next_state;   // [heads, K, V]; may be state
  bf16* y;             // [H, V]
};

void decode_step(cudaStream_t stream, const DecodeStepArguments& arguments);

}  // namespace stateline::kernels::cuda
