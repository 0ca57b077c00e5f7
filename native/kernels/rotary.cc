#include "kernels/rotary.h"

#include <cmath>

namespace stateline::kernels {

void rotary_angles(size_t tokens, uint64_t first, size_t width, float* cosines, float* sines,
                   double base) {
  const size_t half = width / 2;
  for (size_t i = 0; i < half; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(width);
    const double frequency = std::pow(base, exponent);
    for (size_t t = 0; t < tokens; ++t) {
      const double angle = static_cast<double>(first + t) * frequency;
      cosines[t * half + i] = static_cast<float>(std::cos(angle));
      sines[t * half + i] = static_cast<float>(std::sin(angle));
    }
  }
}

}  // namespace stateline::kernels
