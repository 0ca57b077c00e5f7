// What ends a mixer, in one launch: y = norm(y + D v) * f(z), or norm((y + D v) * f(z)). Inputs in
// bf16, sums in f32. |error| <= 2^-7 (|y| + largest weight).
#pragma once

#include "kernels/cuda/types.h"

namespace stateline::kernels::cuda {

struct HeadEndArguments {
  size_t rows, heads, V;
  const float* D;  // [heads]; null: no skip
  const bf16* v;
  size_t ldv;
  const float* weight;  // [heads, V]; null: no norm
  size_t norm_groups;   // runs of heads V / norm_groups values are normalised apart
  float eps;
  Activation f;
  const bf16* z;
  size_t ldz;
  bool gate_first;
  bf16* y;  // in and out
  size_t ldy;
};
void end_heads(cudaStream_t stream, const HeadEndArguments& arguments);

}  // namespace stateline::kernels::cuda
