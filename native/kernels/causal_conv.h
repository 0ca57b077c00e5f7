// Depthwise causal convolution of 2 to 4 taps, streaming: y_t = f(bias + sum_w weight_w
// x_{t-width+1+w}), f = SiLU or nothing.
#pragma once

#include <cstddef>

#include "kernels/thread_pool.h"

namespace stateline::kernels {

constexpr size_t kConvWidth = 4;  // of the widest
constexpr size_t kConvHistory = kConvWidth - 1;

struct CausalConvArguments {
  size_t tokens, channels;
  const float* x;  // [tokens, channels], token stride ldx
  size_t ldx;
  const float* weight;  // [width, channels], transposed once at load: the last tap meets the token
  const float* bias;    // [channels], or null
  float* history;  // [width - 1, channels] the inputs before, oldest first, zeros at the start; on
                   // return those of the last tokens
  float* y;        // [tokens, channels], token stride ldy; apart from x and history
  size_t ldy;
  size_t width = kConvWidth;
  bool silu = true;
};

// |error| <= 4e-6 * (1 + sum |w||x|).
using CausalConv = void(ThreadPool& pool, const CausalConvArguments& arguments);

namespace reference {
CausalConv causal_conv;
}

}  // namespace stateline::kernels
