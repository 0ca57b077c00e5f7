#include "kernels/elementwise.h"

#include <algorithm>
#include <cmath>

namespace stateline::kernels::reference {

void silu_mul(ThreadPool&, size_t rows, size_t width, const float* gate, size_t ldg,
              const float* up, size_t ldu, float* y, size_t ldy) {
  for (size_t t = 0; t < rows; ++t) {
    for (size_t i = 0; i < width; ++i) {
      const double g = gate[t * ldg + i];
      y[t * ldy + i] = static_cast<float>(g / (1 + std::exp(-g)) * up[t * ldu + i]);
    }
  }
}

void add(size_t rows, size_t width, const float* x, size_t ldx, float* y, size_t ldy) {
  for (size_t t = 0; t < rows; ++t) {
    for (size_t i = 0; i < width; ++i) y[t * ldy + i] += x[t * ldx + i];
  }
}

void add_scaled(size_t rows, size_t groups, size_t width, const float* scale, const float* x,
                size_t ldx, float* y, size_t ldy) {
  for (size_t t = 0; t < rows; ++t) {
    for (size_t i = 0; i < groups * width; ++i) y[t * ldy + i] += scale[i / width] * x[t * ldx + i];
  }
}

// A few numbers per token: every level uses this one.
void discretise(size_t rows, size_t heads, const float* u, size_t ldu, const float* bias,
                const float* A_log, float* dt, float* a, float* log_dt) {
  for (size_t t = 0; t < rows; ++t) {
    for (size_t h = 0; h < heads; ++h) {
      const float raw = u[t * ldu + h] + bias[h];
      const float softplus = std::max(raw, 0.0f) + std::log1p(std::exp(-std::fabs(raw)));
      dt[t * heads + h] = softplus;
      a[t * heads + h] = -std::exp(A_log[h]) * softplus;
      log_dt[t * heads + h] = std::log(std::max(softplus, 1e-6f));
    }
  }
}

}  // namespace stateline::kernels::reference
