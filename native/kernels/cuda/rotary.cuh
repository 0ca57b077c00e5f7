// kernels/rotary.h on a GPU: x in bf16, angles in f64 until only a part of a turn is left.
// |error| <= 2^-8 |y| + 1e-5 (|a| + |b|).
#pragma once

#include "kernels/cuda/types.h"

namespace stateline::kernels::cuda {

struct RotateArguments {
  size_t tokens, heads, head_dim;
  size_t width;  // of each head's values, even
  double theta;
  uint64_t position;       // of the first token, counted from *origin
  const uint64_t* origin;  // in the GPU's memory: a launch that is replayed reads it anew
  bf16* x;                 // [tokens, heads, head_dim], in place
  size_t ldx;
};
void rotate(cudaStream_t stream, const RotateArguments& arguments);

}  // namespace stateline::kernels::cuda
