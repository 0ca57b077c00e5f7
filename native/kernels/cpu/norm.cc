#include "kernels/norm.h"

#include <cmath>

#include "kernels/cpu/simd.h"

namespace stateline::kernels::STATELINE_LEVEL {

RmsNorm rms_norm;

void rms_norm(size_t rows, size_t groups, size_t width, const float* x, size_t ldx,
              const float* weight, float eps, float* y, size_t ldy) {
  for (size_t t = 0; t < rows; ++t) {
    for (size_t g = 0; g < groups; ++g) {
      const float* in = x + t * ldx + g * width;
      const float* scale = weight + g * width;
      float* out = y + t * ldy + g * width;
      Vec squares = splat(0);
      for_vectors(width, [&](size_t i, size_t n) {
        const Vec value = load_up_to(in + i, n);
        squares = mul_add(value, value, squares);
      });
      const Vec inverse = splat(1.0f / std::sqrt(sum(squares) / static_cast<float>(width) + eps));
      for_vectors(width, [&](size_t i, size_t n) {
        store_up_to(out + i, load_up_to(in + i, n) * inverse * load_up_to(scale + i, n), n);
      });
    }
  }
}

}  // namespace stateline::kernels::STATELINE_LEVEL
