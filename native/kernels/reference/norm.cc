#include "kernels/norm.h"

#include <cmath>

namespace stateline::kernels::reference {

void rms_norm(size_t rows, size_t groups, size_t width, const float* x, size_t ldx,
              const float* weight, float eps, float* y, size_t ldy) {
  for (size_t t = 0; t < rows; ++t) {
    for (size_t g = 0; g < groups; ++g) {
      const float* in = x + t * ldx + g * width;
      float* out = y + t * ldy + g * width;
      double squares = 0;
      for (size_t i = 0; i < width; ++i) squares += static_cast<double>(in[i]) * in[i];
      const double inverse = 1 / std::sqrt(squares / static_cast<double>(width) + eps);
      for (size_t i = 0; i < width; ++i) {
        out[i] = static_cast<float>(in[i] * inverse * weight[g * width + i]);
      }
    }
  }
}

}  // namespace stateline::kernels::reference
