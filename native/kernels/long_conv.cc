#include "kernels/long_conv.h"

#include <cassert>
#include <cstring>

namespace stateline::kernels {

LongKernel::LongKernel(size_t channels, size_t lags, const float* kernel)
    : channels_(channels), lags_(lags), rows_(channels * (lags + 2 * kLongConvBlock), 0.0f) {
  assert(lags > 0);
  for (size_t c = 0; c < channels; ++c) {
    float* row = rows_.data() + c * row_floats() + kLongConvBlock - 1;
    std::memcpy(row, kernel + c * lags, lags * sizeof(float));
  }
}

}  // namespace stateline::kernels
