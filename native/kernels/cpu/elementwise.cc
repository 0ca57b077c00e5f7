#include "kernels/elementwise.h"

#include "kernels/cpu/simd.h"

namespace stateline::kernels::STATELINE_LEVEL {

GateMul silu_mul;
GateMul sigmoid_mul;
Add add;
AddScaled add_scaled;
Discretise discretise;
Gelu gelu;

namespace {
constexpr double kNsPerElement =
    0.5;  // measured on one core at 16 lanes; only the split depends on it

// ln(1 + x) for 0 <= x <= 1; the quotient makes good what 1 + x rounds away (Kahan).
STATELINE_INLINE Vec log1p(Vec x) {
  const Vec one = splat(1.0f), sum = one + x;
  const Vec rounded = max(sum - one, splat(1e-30f));
  // Where 1 + x is 1, ln is 0 and the quotient useless: x itself is the answer, and the greater
  // one.
  return max(log(sum) * (x / rounded), min(x, splat(0x1p-24f)));
}

// The complement of the error function for x >= 0, within 1.5e-7 (Abramowitz and Stegun, 7.1.26).
STATELINE_INLINE Vec erfc(Vec x) {
  const Vec t = splat(1.0f) / mul_add(splat(0.3275911f), x, splat(1.0f));
  Vec p = splat(1.061405429f);
  p = mul_add(p, t, splat(-1.453152027f));
  p = mul_add(p, t, splat(1.421413741f));
  p = mul_add(p, t, splat(-0.284496736f));
  p = mul_add(p, t, splat(0.254829592f));
  return p * t * exp(splat(0) - x * x);
}

template <class F>
void gate_mul(ThreadPool& pool, size_t rows, size_t width, const float* gate, size_t ldg,
              const float* up, size_t ldu, float* y, size_t ldy, F f) {
  const double cost = kNsPerElement * static_cast<double>(rows * width);
  const size_t blocks = pool.blocks_for(rows, cost);
  pool.run(blocks, cost, [&](size_t block) {
    for (size_t t = rows * block / blocks; t < rows * (block + 1) / blocks; ++t) {
      const float *g = gate + t * ldg, *u = up + t * ldu;
      float* out = y + t * ldy;
      for_vectors(width, [&](size_t i, size_t n) {
        store_up_to(out + i, f(load_up_to(g + i, n)) * load_up_to(u + i, n), n);
      });
    }
  });
}

}  // namespace

void silu_mul(ThreadPool& pool, size_t rows, size_t width, const float* gate, size_t ldg,
              const float* up, size_t ldu, float* y, size_t ldy) {
  gate_mul(pool, rows, width, gate, ldg, up, ldu, y, ldy, [](Vec g) { return silu(g); });
}

void sigmoid_mul(ThreadPool& pool, size_t rows, size_t width, const float* gate, size_t ldg,
                 const float* up, size_t ldu, float* y, size_t ldy) {
  gate_mul(pool, rows, width, gate, ldg, up, ldu, y, ldy, [](Vec g) { return sigmoid(g); });
}

void add(size_t rows, size_t width, const float* x, size_t ldx, float* y, size_t ldy) {
  for (size_t t = 0; t < rows; ++t) {
    const float* in = x + t * ldx;
    float* out = y + t * ldy;
    for_vectors(width, [&](size_t i, size_t n) {
      store_up_to(out + i, load_up_to(out + i, n) + load_up_to(in + i, n), n);
    });
  }
}

void add_scaled(size_t rows, size_t groups, size_t width, const float* scale, const float* x,
                size_t ldx, float* y, size_t ldy) {
  for (size_t t = 0; t < rows; ++t) {
    for (size_t g = 0; g < groups; ++g) {
      const float* in = x + t * ldx + g * width;
      float* out = y + t * ldy + g * width;
      const Vec factor = splat(scale[g]);
      for_vectors(width, [&](size_t i, size_t n) {
        store_up_to(out + i, mul_add(factor, load_up_to(in + i, n), load_up_to(out + i, n)), n);
      });
    }
  }
}

void discretise(const DiscretiseArguments& s) {
  const Vec zero = splat(0);
  for_vectors(s.heads, [&](size_t h, size_t n) {
    const Vec rate = zero - exp(load_up_to(s.A_log + h, n)), offset = load_up_to(s.bias + h, n);
    for (size_t t = 0; t < s.rows; ++t) {
      const Vec raw = load_up_to(s.u + t * s.ldu + h, n) + offset;
      const Vec softplus = max(raw, zero) + log1p(exp(zero - abs(raw)));
      const Vec dt = min(splat(s.dt_max), max(splat(s.dt_min), softplus));
      const size_t place = t * s.heads + h;
      store_up_to(s.dt + place, dt, n);
      store_up_to(s.a + place, rate * dt, n);
      if (s.log_dt != nullptr) store_up_to(s.log_dt + place, log(max(dt, splat(1e-6f))), n);
    }
  });
}

void gelu(ThreadPool& pool, size_t rows, size_t width, const float* x, size_t ldx, float* y,
          size_t ldy) {
  const double cost = kNsPerElement * static_cast<double>(rows * width);
  const size_t blocks = pool.blocks_for(rows, cost);
  pool.run(blocks, cost, [&](size_t block) {
    for (size_t t = rows * block / blocks; t < rows * (block + 1) / blocks; ++t) {
      for_vectors(width, [&](size_t i, size_t n) {
        const Vec value = load_up_to(x + t * ldx + i, n), size = abs(value);
        const Vec half = splat(0.5f) * size * erfc(size * splat(0.70710678f));
        store_up_to(y + t * ldy + i, max(value, splat(0)) - half, n);
      });
    }
  });
}

}  // namespace stateline::kernels::STATELINE_LEVEL
