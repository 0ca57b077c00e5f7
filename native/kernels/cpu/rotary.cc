#include "kernels/rotary.h"

#include "kernels/cpu/simd.h"

namespace stateline::kernels::STATELINE_LEVEL {

Rotate rotate;

void rotate(size_t tokens, size_t heads, size_t head_dim, size_t width, const float* cosines,
            const float* sines, float* x, size_t ldx) {
  const size_t half = width / 2;
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t h = 0; h < heads; ++h) {
      float* row = x + t * ldx + h * head_dim;
      for_vectors(half, [&](size_t i, size_t n) {
        const Vec cosine = load_up_to(cosines + t * half + i, n);
        const Vec sine = load_up_to(sines + t * half + i, n);
        const Vec a = load_up_to(row + i, n), b = load_up_to(row + half + i, n);
        store_up_to(row + i, a * cosine - b * sine, n);
        store_up_to(row + half + i, mul_add(a, sine, b * cosine), n);
      });
    }
  }
}

}  // namespace stateline::kernels::STATELINE_LEVEL
