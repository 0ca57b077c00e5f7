// The small maps between the projections: gates, residuals, skips and the discretisation of time.
#pragma once

#include <cstddef>
#include <limits>

#include "kernels/thread_pool.h"

namespace stateline::kernels {

// y = f(gate) * up, [rows, width] with strides; y may be gate or up itself. |error| <= 1e-6
// relative. silu_mul: f(g) = g / (1 + e^-g), of the SwiGLU; sigmoid_mul: f(g) = 1 / (1 + e^-g), of
// the mixer.
using GateMul = void(ThreadPool& pool, size_t rows, size_t width, const float* gate, size_t ldg,
                     const float* up, size_t ldu, float* y, size_t ldy);

// y += x, [rows, width]. Exact.
using Add = void(size_t rows, size_t width, const float* x, size_t ldx, float* y, size_t ldy);

// y[t, g, :] += scale[g] * x[t, g, :], [rows, groups * width]: the skip D v of the mixer.
using AddScaled = void(size_t rows, size_t groups, size_t width, const float* scale, const float* x,
                       size_t ldx, float* y, size_t ldy);

struct DiscretiseArguments {
  size_t rows, heads;
  const float* u;  // [rows, heads] stride ldu
  size_t ldu;
  const float *bias, *A_log;  // [heads], A_log of the mode each head runs in
  float *dt, *a;              // [rows, heads] dense
  float* log_dt;              // the same, or null
  float dt_min = 0, dt_max = std::numeric_limits<float>::infinity();
};

// dt = softplus(u + bias), clamped to [dt_min, dt_max]; a = -exp(A_log) * dt (log decay, <= 0);
// log_dt = log(max(dt, 1e-6)). Mamba-2, arXiv 2405.21060, sec. 7; the gated delta rule's decay
// (arXiv 2412.06464) is the same a. |error| <= 4e-6 relative for |u + bias| <= 40 (whose own
// rounding is most of it), of log_dt as much absolutely.
using Discretise = void(const DiscretiseArguments& arguments);

// y = x / 2 (1 + erf(x / sqrt(2))), the exact form of arXiv 1606.08415, [rows, width] with strides;
// y may be x itself. |error| <= 4e-7 * max(1, |x|).
using Gelu = void(ThreadPool& pool, size_t rows, size_t width, const float* x, size_t ldx, float* y,
                  size_t ldy);

namespace reference {
GateMul silu_mul;
GateMul sigmoid_mul;
Add add;
AddScaled add_scaled;
Discretise discretise;
Gelu gelu;
}  // namespace reference

}  // namespace stateline::kernels
