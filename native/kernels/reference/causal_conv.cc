#include "kernels/causal_conv.h"

#include <algorithm>
#include <cmath>

namespace stateline::kernels::reference {

void causal_conv(ThreadPool&, size_t tokens, size_t channels, const float* x, size_t ldx,
                 const float* weight, const float* bias, float* history, float* y, size_t ldy) {
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t c = 0; c < channels; ++c) {
      double sum = bias[c];
      for (size_t w = 0; w < kConvHistory; ++w)
        sum += static_cast<double>(weight[w * channels + c]) * history[w * channels + c];
      sum += static_cast<double>(weight[kConvHistory * channels + c]) * x[t * ldx + c];
      y[t * ldy + c] = static_cast<float>(sum / (1 + std::exp(-sum)));
    }
    std::copy(history + channels, history + kConvHistory * channels, history);
    std::copy_n(x + t * ldx, channels, history + (kConvHistory - 1) * channels);
  }
}

}  // namespace stateline::kernels::reference
