// The residual stream's first value: x = scale * W[token], in f32. |error| <= 2e-7 |x|.
#pragma once

#include "kernels/cuda/weights.h"

namespace stateline::kernels::cuda {

struct EmbeddingArguments {
  WeightMatrix W;  // [vocab, d]
  size_t tokens;
  const int32_t* token;  // [tokens], below vocab
  float* x;              // [tokens, d], stride ldx
  size_t ldx;
  float scale = 1;
};
void embed(cudaStream_t stream, const EmbeddingArguments& arguments);

}  // namespace stateline::kernels::cuda
