// kernels/norm.h on a GPU: x in f32 (the residual stream) or bf16, y in bf16, sums in f32.
// |error| <= 2^-8 |y|.
#pragma once

#include "kernels/cuda/types.h"

namespace stateline::kernels::cuda {

template <class X>
struct RmsNormArguments {
  size_t rows, groups, width;
  const X* x;
  size_t ldx;
  const float* weight;  // [groups, width]
  float eps;
  bf16* y;  // may be x
  size_t ldy;
};

void rms_norm(cudaStream_t stream, const RmsNormArguments<float>& arguments);
void rms_norm(cudaStream_t stream, const RmsNormArguments<bf16>& arguments);

}  // namespace stateline::kernels::cuda
