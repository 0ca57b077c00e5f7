#include "kernels/rotary.h"

namespace stateline::kernels::reference {

void rotate(size_t tokens, size_t heads, size_t head_dim, size_t width, const float* cosines,
            const float* sines, float* x, size_t ldx) {
  const size_t half = width / 2;
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t h = 0; h < heads; ++h) {
      float* row = x + t * ldx + h * head_dim;
      for (size_t i = 0; i < half; ++i) {
        const double cosine = cosines[t * half + i], sine = sines[t * half + i];
        const double a = row[i], b = row[half + i];
        row[i] = static_cast<float>(a * cosine - b * sine);
        row[half + i] = static_cast<float>(b * cosine + a * sine);
      }
    }
  }
}

}  // namespace stateline::kernels::reference
