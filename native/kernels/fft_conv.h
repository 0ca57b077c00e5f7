// The convolution of long_conv.h by the fast Fourier transform, O(log lags) a token; streaming.
#pragma once

#include <cstddef>
#include <memory>

#include "kernels/thread_pool.h"

namespace stateline::kernels {

// Overlap-save with transforms of the first power of two from 2 * lags: each window gives that less
// lags - 1 outputs. Two windows that follow each other are the real and the imaginary part of one
// transform (a real kernel keeps them apart), so no spectrum is ever split.
class FftConv {
 public:
  // kernel [channels, lags], copied.
  FftConv(size_t channels, size_t lags, const float* kernel);
  FftConv(FftConv&&) noexcept;
  ~FftConv();

  // As LongConv, the history too: newest first. |error| <= 1e-7 * sum |K| * max |u|:
  // the transforms are in double.
  void run(ThreadPool& pool, size_t tokens, const float* u, size_t ldu, float* history, float* y,
           size_t ldy) const;

  size_t channels() const;
  size_t lags() const;
  size_t bytes() const;  // of the spectra

 private:
  struct Plan;
  std::unique_ptr<Plan> plan_;
};

}  // namespace stateline::kernels
