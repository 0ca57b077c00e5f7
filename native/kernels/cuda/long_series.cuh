// What both ways of a long convolution read and write: a stream whose past comes in and goes out.
#pragma once

#include "kernels/cuda/platform.cuh"

namespace stateline::kernels::cuda {

// y_t = sum_{k < lags} K_k u_{t-k}, channel by channel, all in f32. As with CausalConvArguments,
// the state that was is not changed. At most 16 million tokens and half a million channels.
struct LongSeries {
  size_t tokens, channels, lags;  // none is zero
  const float* u;                 // [tokens, channels], stride ldu
  size_t ldu;
  const float* history;  // [channels, lags - 1]: the inputs before these, newest first
  float* next_history;   // [channels, lags - 1] after these, apart from history
  float* y;              // [tokens, channels], stride ldy, apart from u
  size_t ldy;
};

// Input t of a channel: before the tokens it is in the history, outside both it is zero.
__device__ __forceinline__ float input(const LongSeries& s, long t, size_t c) {
  const long before = static_cast<long>(s.lags) - 1;
  if (t >= static_cast<long>(s.tokens) || t < -before) return 0;
  return t < 0 ? s.history[c * before + (-1 - t)] : s.u[t * s.ldu + c];
}

// Of the history after the tokens: every `stride`-th input of a channel from `begin` on.
__device__ __forceinline__ void carry(const LongSeries& s, size_t c, size_t begin, size_t stride) {
  for (size_t k = begin; k < s.lags - 1; k += stride)
    s.next_history[c * (s.lags - 1) + k] =
        input(s, static_cast<long>(s.tokens) - 1 - static_cast<long>(k), c);
}

}  // namespace stateline::kernels::cuda
