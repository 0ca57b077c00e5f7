#include "kernels/sampling.h"

#include <cmath>

namespace stateline::kernels::reference {

size_t argmax(size_t n, const float* x) {
  size_t best = 0;
  for (size_t i = 1; i < n; ++i) {
    if (x[i] > x[best] || (std::isnan(x[best]) && !std::isnan(x[i]))) best = i;
  }
  return best;
}

float log_sum_exp(size_t n, const float* x) {
  const double top = x[argmax(n, x)];
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += std::exp(x[i] - top);
  return static_cast<float>(top + std::log(sum));
}

void softmax(size_t n, const float* x, float temperature, float* y) {
  const float top = x[argmax(n, x)];
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += std::exp((static_cast<double>(x[i]) - top) / temperature);
  for (size_t i = 0; i < n; ++i) {
    y[i] = static_cast<float>(std::exp((static_cast<double>(x[i]) - top) / temperature) / sum);
  }
}

}  // namespace stateline::kernels::reference
