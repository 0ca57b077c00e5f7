#include "kernels/long_conv.h"

#include <vector>

namespace stateline::kernels::reference {

void long_conv(ThreadPool&, const LongKernel& kernel, size_t tokens, const float* u, size_t ldu,
               float* history, float* y, size_t ldy) {
  const size_t before = kernel.history();
  for (size_t c = 0; c < kernel.channels(); ++c) {
    const float* K = kernel.row(c) + kLongConvBlock - 1;
    std::vector<float> series(before + tokens);  // oldest first
    for (size_t k = 0; k < before; ++k) series[before - 1 - k] = history[c * before + k];
    for (size_t t = 0; t < tokens; ++t) series[before + t] = u[t * ldu + c];
    for (size_t t = 0; t < tokens; ++t) {
      double sum = 0;
      for (size_t k = 0; k < kernel.lags(); ++k)
        sum += static_cast<double>(K[k]) * series[before + t - k];
      y[t * ldy + c] = static_cast<float>(sum);
    }
    for (size_t k = 0; k < before; ++k) history[c * before + k] = series[before + tokens - 1 - k];
  }
}

}  // namespace stateline::kernels::reference
