// Depthwise causal convolution with a long kernel, streaming: y_t = sum_{k < lags} K_k u_{t-k}.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/thread_pool.h"

namespace stateline::kernels {

constexpr size_t kLongConvBlock = 32;

// A kernel [channels, lags] laid out for the products: a row is kLongConvBlock - 1 zeros, the lags,
// and zeros to the end of a block, so that a Toeplitz matrix is a view of it with row stride one.
class LongKernel {
 public:
  LongKernel(size_t channels, size_t lags, const float* kernel);

  size_t channels() const { return channels_; }
  size_t lags() const { return lags_; }
  size_t history() const { return lags_ - 1; }  // inputs of the past that still count
  const float* row(size_t channel) const { return rows_.data() + channel * row_floats(); }
  size_t bytes() const { return rows_.size() * sizeof(float); }

 private:
  size_t row_floats() const { return lags_ + 2 * kLongConvBlock; }

  size_t channels_, lags_;
  std::vector<float> rows_;
};

// u [tokens, channels] stride ldu, y the same stride ldy, apart. history [channels, lags - 1]: the
// inputs before this call, newest first, zeros at the start; on return those after it. lags
// products a token. |error| <= 4e-6 * sum |K| * max |u| against a double sum.
using LongConv = void(ThreadPool& pool, const LongKernel& kernel, size_t tokens, const float* u,
                      size_t ldu, float* history, float* y, size_t ldy);

namespace reference {
LongConv long_conv;
}

}  // namespace stateline::kernels
