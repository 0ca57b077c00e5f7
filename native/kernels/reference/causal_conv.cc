#include "kernels/causal_conv.h"

#include <algorithm>
#include <cmath>

namespace stateline::kernels::reference {

void causal_conv(ThreadPool&, const CausalConvArguments& s) {
  const size_t channels = s.channels, before = s.width - 1;
  for (size_t t = 0; t < s.tokens; ++t) {
    const float* x = s.x + t * s.ldx;
    for (size_t c = 0; c < channels; ++c) {
      double sum = s.bias == nullptr ? 0 : s.bias[c];
      for (size_t w = 0; w < before; ++w)
        sum += static_cast<double>(s.weight[w * channels + c]) * s.history[w * channels + c];
      sum += static_cast<double>(s.weight[before * channels + c]) * x[c];
      s.y[t * s.ldy + c] = static_cast<float>(s.silu ? sum / (1 + std::exp(-sum)) : sum);
    }
    std::copy(s.history + channels, s.history + before * channels, s.history);
    std::copy_n(x, channels, s.history + (before - 1) * channels);
  }
}

}  // namespace stateline::kernels::reference
