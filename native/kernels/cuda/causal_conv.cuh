// kernels/causal_conv.h on a GPU: x and y in bf16, sums and history in f32. |error| <= 2^-8 |y| +
// 1e-5 (1 + sum |w||x|).
#pragma once

#include "kernels/causal_conv.h"
#include "kernels/cuda/types.h"

namespace stateline::kernels::cuda {

// A chunk continues from `history` and leaves `next_history` for the chunk after it: the state that
// was is not changed, so that others may go on from it.
struct CausalConvArguments {
  size_t tokens, channels;
  const bf16* x;  // [tokens, channels], stride ldx
  size_t ldx;
  const float* weight;   // [4, channels]
  const float* bias;     // [channels]; null: none
  const float* history;  // [3, channels], oldest first
  float* next_history;   // [3, channels], apart from history
  bf16* y;               // [tokens, channels], stride ldy, apart from x
  size_t ldy;
};

// A thread walks down the tokens of its channel: for few tokens.
void causal_conv_direct(cudaStream_t stream, const CausalConvArguments& arguments);
// Tiles of 64 tokens and 64 channels through shared memory, so that loads are 16 bytes wide.
void causal_conv_tiled(cudaStream_t stream, const CausalConvArguments& arguments);
// Whichever suits the length.
void causal_conv(cudaStream_t stream, const CausalConvArguments& arguments);

}  // namespace stateline::kernels::cuda
