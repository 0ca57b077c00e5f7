// Depthwise causal convolution of width 4 with SiLU, streaming: y_t = SiLU(bias + sum_w weight_w
// x_{t-3+w}).
#pragma once

#include <cstddef>

#include "kernels/thread_pool.h"

namespace stateline::kernels {

constexpr size_t kConvWidth = 4;
constexpr size_t kConvHistory = kConvWidth - 1;

// x [tokens, channels] stride ldx; weight [4, channels] tap-major (transposed once at load; tap 3
// meets the current token), bias [channels].
// history [3, channels]: the inputs of the three tokens before, oldest first, zeros at the start;
// on return those of the last three tokens. y [tokens, channels] stride ldy, apart from x and
// history. |error| <= 4e-6 * (1 + sum |w||x|).
using CausalConv = void(ThreadPool& pool, size_t tokens, size_t channels, const float* x,
                        size_t ldx, const float* weight, const float* bias, float* history,
                        float* y, size_t ldy);

namespace reference {
CausalConv causal_conv;
}

}  // namespace stateline::kernels
