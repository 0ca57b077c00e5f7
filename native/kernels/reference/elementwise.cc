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

void sigmoid_mul(ThreadPool&, size_t rows, size_t width, const float* gate, size_t ldg,
                 const float* up, size_t ldu, float* y, size_t ldy) {
  for (size_t t = 0; t < rows; ++t) {
    for (size_t i = 0; i < width; ++i) {
      const double g = gate[t * ldg + i];
      y[t * ldy + i] = static_cast<float>(up[t * ldu + i] / (1 + std::exp(-g)));
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

void discretise(const DiscretiseArguments& s) {
  for (size_t t = 0; t < s.rows; ++t) {
    for (size_t h = 0; h < s.heads; ++h) {
      const size_t place = t * s.heads + h;
      const double raw = static_cast<double>(s.u[t * s.ldu + h]) + s.bias[h];
      const double softplus = std::max(raw, 0.0) + std::log1p(std::exp(-std::fabs(raw)));
      const double dt = std::clamp<double>(softplus, s.dt_min, s.dt_max);
      s.dt[place] = static_cast<float>(dt);
      s.a[place] = static_cast<float>(-std::exp(static_cast<double>(s.A_log[h])) * dt);
      if (s.log_dt != nullptr) s.log_dt[place] = static_cast<float>(std::log(std::max(dt, 1e-6)));
    }
  }
}

void gelu(ThreadPool&, size_t rows, size_t width, const float* x, size_t ldx, float* y,
          size_t ldy) {
  for (size_t t = 0; t < rows; ++t) {
    for (size_t i = 0; i < width; ++i) {
      const double value = x[t * ldx + i];
      y[t * ldy + i] = static_cast<float>(value / 2 * (1 + std::erf(value / std::sqrt(2.0))));
    }
  }
}

}  // namespace stateline::kernels::reference
