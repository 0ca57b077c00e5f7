// kernels/long_conv.h on a GPU, in f32: |error| <= 4e-6 * sum |K| * max |u| against a double sum.
#pragma once

#include "kernels/cuda/long_series.cuh"

namespace stateline::kernels::cuda {

struct LongConvArguments {
  LongSeries series;
  const float* kernel;  // [channels, lags]
};

// A block takes 128 tokens of 8 channels and goes through all the lags, 128 at a time: lags
// products a token, and two tokens cost what 128 do. A single one has a kernel of its own.
void long_conv(cudaStream_t stream, const LongConvArguments& arguments);

}  // namespace stateline::kernels::cuda
