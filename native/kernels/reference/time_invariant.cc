#include "kernels/time_invariant.h"

#include <vector>

namespace stateline::kernels::reference {
namespace {

using Vector = std::vector<double>;

void advance(const TimeInvariant& s, size_t c, const Vector& x, Vector& next) {
  const size_t N = s.states, half = N / 2;
  if (s.rank == 0) {
    for (size_t i = 0; i < half; ++i) {
      const double re = s.step.lambda_re[c * half + i], im = s.step.lambda_im[c * half + i];
      next[i] = re * x[i] - im * x[half + i];
      next[half + i] = im * x[i] + re * x[half + i];
    }
    return;
  }
  next = x;
  for (size_t r = 0; r < s.rank; ++r) {
    double dot = 0;
    for (size_t n = 0; n < N; ++n) dot += s.Q[n * s.rank + r] * x[n];
    for (size_t n = 0; n < N; ++n) next[n] += s.step.P[r * N + n] * dot;
  }
  for (double& value : next) value *= s.step.factor;
}

}  // namespace

void ti_recurrence(ThreadPool&, const TimeInvariant& s, size_t tokens, const float* u, size_t ldu,
                   float* state, float* y, size_t ldy) {
  const size_t N = s.states;
  for (size_t c = 0; c < s.channels; ++c) {
    Vector x(state + c * N, state + (c + 1) * N), next(N);
    for (size_t t = 0; t < tokens; ++t) {
      const double input = u[t * ldu + c];
      advance(s, c, x, next);
      double out = s.D[c] * input;
      for (size_t n = 0; n < N; ++n) {
        x[n] = next[n] + s.B[c * N + n] * input;
        out += s.C[c * N + n] * x[n];
      }
      y[t * ldy + c] = static_cast<float>(out);
    }
    for (size_t n = 0; n < N; ++n) state[c * N + n] = static_cast<float>(x[n]);
  }
}

void ti_scan(ThreadPool& pool, const TimeInvariant& s, size_t tokens, const float* u, size_t ldu,
             float* state, float* y, size_t ldy) {
  ti_recurrence(pool, s, tokens, u, ldu, state, y, ldy);
}

}  // namespace stateline::kernels::reference
