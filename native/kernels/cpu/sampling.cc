#include "kernels/sampling.h"

#include <cmath>
#include <limits>

#include "kernels/cpu/simd.h"

namespace stateline::kernels::STATELINE_LEVEL {

Argmax argmax;
LogSumExp log_sum_exp;
Softmax softmax;

namespace {

// The greatest number of x; -inf if there is none.
float greatest(size_t n, const float* x) {
  Vec best = splat(-std::numeric_limits<float>::infinity());
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) best = max(load(x + i), best);
  float top = max_of(best);
  for (; i < n; ++i) top = x[i] > top ? x[i] : top;
  return top;
}

// y = exp((x - top) * scale) if y is given; returns the sum of them.
float sum_exp(size_t n, const float* x, float top, float scale, float* y) {
  Vec total = splat(0);
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec e = exp((load(x + i) - splat(top)) * splat(scale));
    total = total + e;
    if (y) store(y + i, e);
  }
  float rest = 0;
  for (; i < n; ++i) {
    const float e = exp((x[i] - top) * scale);
    rest += e;
    if (y) y[i] = e;
  }
  return sum(total) + rest;
}

}  // namespace

size_t argmax(size_t n, const float* x) {
  const float top = greatest(n, x);
  for (size_t i = 0; i < n; ++i) {
    if (x[i] == top) return i;
  }
  return 0;
}

float log_sum_exp(size_t n, const float* x) {
  const float top = greatest(n, x);
  return top + std::log(sum_exp(n, x, top, 1.0f, nullptr));
}

void softmax(size_t n, const float* x, float temperature, float* y) {
  const float total = sum_exp(n, x, greatest(n, x), 1.0f / temperature, y);
  const Vec inverse = splat(1.0f / total);
  for_vectors(n, [&](size_t i, size_t count) {
    store_up_to(y + i, load_up_to(y + i, count) * inverse, count);
  });
}

}  // namespace stateline::kernels::STATELINE_LEVEL
