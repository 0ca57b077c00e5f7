#include "kernels/time_invariant.h"

#include <cassert>
#include <cmath>
#include <complex>

namespace stateline::kernels {
namespace {

constexpr size_t kLanePad = 16;  // the widest vector of any level

size_t padded(size_t n) { return (n + kLanePad - 1) / kLanePad * kLanePad; }

// Places of the operators in one piece of memory, counted first and handed out afterwards.
class Places {
 public:
  size_t take(size_t floats) {
    const size_t at = size_;
    size_ += padded(floats);
    return at;
  }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

struct Layout {
  size_t Q, step_P, chunk_P, step_re, step_im, chunk_re, chunk_im, B, C, D, inputs, outputs,
      impulse, floats;

  Layout(size_t p, size_t N, size_t R) {
    Places places;
    const size_t diagonal = R == 0 ? p * N / 2 : 0;
    Q = places.take(N * R);
    step_P = places.take(R * N);
    chunk_P = places.take(R * N);
    step_re = places.take(diagonal);
    step_im = places.take(diagonal);
    chunk_re = places.take(diagonal);
    chunk_im = places.take(diagonal);
    B = places.take(p * N);
    C = places.take(p * N);
    D = places.take(p);
    inputs = places.take(p * kTiChunk * N);
    outputs = places.take(p * N * kTiChunk);
    impulse = places.take(p * 2 * kTiChunk);
    floats = places.size();
  }

  TimeInvariant view(const float* memory, size_t p, size_t N, size_t R) const {
    return {.channels = p,
            .states = N,
            .rank = R,
            .Q = memory + Q,
            .step = {1, memory + step_P, memory + step_re, memory + step_im},
            .chunk = {1, memory + chunk_P, memory + chunk_re, memory + chunk_im},
            .B = memory + B,
            .C = memory + C,
            .D = memory + D,
            .inputs = memory + inputs,
            .outputs = memory + outputs,
            .impulse = memory + impulse};
  }
};

using Vector = std::vector<double>;

float rounded(double value) { return static_cast<float>(value); }

// x <- decay (x + outer (inner^T x)): A x with inner = Q, outer = P; A^T x the other way round.
// x [N + R]: its end is a place to work.
void apply_low_rank(const LowRankSystem& s, const float* inner, const float* outer, Vector& x) {
  for (size_t r = 0; r < s.rank; ++r) {
    double dot = 0;
    for (size_t n = 0; n < s.states; ++n) dot += inner[n * s.rank + r] * x[n];
    x[s.states + r] = dot;
  }
  for (size_t n = 0; n < s.states; ++n) {
    for (size_t r = 0; r < s.rank; ++r) x[n] += outer[n * s.rank + r] * x[s.states + r];
    x[n] *= s.decay;
  }
}

// One channel's rows of `inputs`, `outputs` and `impulse`.
void low_rank_chunk(const LowRankSystem& s, size_t c, size_t N, float* inputs, float* outputs,
                    float* impulse) {
  Vector b(s.states + s.rank), g(s.states + s.rank);
  for (size_t n = 0; n < s.states; ++n) b[n] = s.B[c * s.states + n];
  for (size_t n = 0; n < s.states; ++n) g[n] = s.C[c * s.states + n];
  for (size_t j = 0; j < kTiChunk; ++j) {
    double k = j == 0 ? s.D[c] : 0;
    for (size_t n = 0; n < s.states; ++n) k += s.C[c * s.states + n] * b[n];
    impulse[kTiChunk - 1 + j] = rounded(k);
    for (size_t n = 0; n < s.states; ++n) inputs[j * N + n] = rounded(b[n]);
    apply_low_rank(s, s.Q, s.P, b);  // A b
    apply_low_rank(s, s.P, s.Q, g);  // A^T g
    for (size_t n = 0; n < s.states; ++n) outputs[n * kTiChunk + j] = rounded(g[n]);
  }
}

// W_k of (I + P Q^T)^k = I + P W_k Q^T, [R, R].
Vector power_core(const LowRankSystem& s, size_t k) {
  const size_t R = s.rank;
  Vector S(R * R), W(R * R, 0.0), next(R * R);
  for (size_t i = 0; i < R; ++i)
    for (size_t j = 0; j < R; ++j)
      for (size_t n = 0; n < s.states; ++n)
        S[i * R + j] += static_cast<double>(s.Q[n * R + i]) * s.P[n * R + j];
  for (; k > 0; --k) {
    for (size_t i = 0; i < R; ++i) {
      for (size_t j = 0; j < R; ++j) {
        double sum = W[i * R + j] + (i == j ? 1 : 0);
        for (size_t m = 0; m < R; ++m) sum += S[i * R + m] * W[m * R + j];
        next[i * R + j] = sum;
      }
    }
    W = next;
  }
  return W;
}

// The transition by k steps: returns its factor, writes P [padded R, padded N].
float low_rank_power(const LowRankSystem& s, size_t k, size_t N, float* P) {
  const Vector W = power_core(s, k);
  const double factor = std::pow(static_cast<double>(s.decay), static_cast<double>(k));
  for (size_t n = 0; n < s.states; ++n) {
    for (size_t r = 0; r < s.rank; ++r) {
      double sum = 0;
      for (size_t m = 0; m < s.rank; ++m) sum += s.P[n * s.rank + m] * W[m * s.rank + r];
      P[r * N + n] = rounded(sum);
    }
  }
  return rounded(factor);
}

// One channel's diagonal rows; the real and the imaginary half of a state begin at 0 and half.
void diagonal_chunk(const DiagonalSystem& s, size_t c, size_t half, float* inputs, float* outputs,
                    float* impulse) {
  Vector lags(kTiChunk, 0.0);
  for (size_t i = 0; i < s.pairs; ++i) {
    const size_t at = c * s.pairs + i;
    const std::complex<double> lambda(s.lambda_re[at], s.lambda_im[at]),
        CB(s.CB_re[at], s.CB_im[at]);
    std::complex<double> power = 1;
    for (size_t j = 0; j < kTiChunk; ++j) {
      inputs[j * 2 * half + i] = rounded(power.real());
      inputs[j * 2 * half + half + i] = rounded(power.imag());
      lags[j] += (CB * power).real();
      power *= lambda;
      outputs[i * kTiChunk + j] = rounded((CB * power).real());
      outputs[(half + i) * kTiChunk + j] = rounded(-(CB * power).imag());
    }
  }
  for (size_t j = 0; j < kTiChunk; ++j)
    impulse[kTiChunk - 1 + j] = rounded(lags[j] + (j == 0 ? s.D[c] : 0));
}

}  // namespace

TimeInvariantSystem::TimeInvariantSystem(const LowRankSystem& s) {
  assert(s.states <= kTiMaxStates && s.rank > 0 && s.rank <= kTiMaxRank);
  const size_t p = s.channels, N = padded((s.states + 1) / 2) * 2, R = padded(s.rank);
  const Layout at(p, N, R);
  memory_.assign(at.floats, 0.0f);
  float* const m = memory_.data();
  for (size_t n = 0; n < s.states; ++n)
    for (size_t r = 0; r < s.rank; ++r) m[at.Q + n * R + r] = s.Q[n * s.rank + r];
  operators_ = at.view(m, p, N, R);
  operators_.step.factor = low_rank_power(s, 1, N, m + at.step_P);
  operators_.chunk.factor = low_rank_power(s, kTiChunk, N, m + at.chunk_P);
  for (size_t c = 0; c < p; ++c) {
    m[at.D + c] = s.D[c];
    for (size_t n = 0; n < s.states; ++n) m[at.B + c * N + n] = s.B[c * s.states + n];
    for (size_t n = 0; n < s.states; ++n) m[at.C + c * N + n] = s.C[c * s.states + n];
    low_rank_chunk(s, c, N, m + at.inputs + c * kTiChunk * N, m + at.outputs + c * N * kTiChunk,
                   m + at.impulse + c * 2 * kTiChunk);
  }
}

TimeInvariantSystem::TimeInvariantSystem(const DiagonalSystem& s) {
  assert(2 * s.pairs <= kTiMaxStates);
  const size_t p = s.channels, half = padded(s.pairs), N = 2 * half;
  const Layout at(p, N, 0);
  memory_.assign(at.floats, 0.0f);
  float* const m = memory_.data();
  operators_ = at.view(m, p, N, 0);
  for (size_t c = 0; c < p; ++c) {
    m[at.D + c] = s.D[c];
    for (size_t i = 0; i < s.pairs; ++i) {
      const size_t from = c * s.pairs + i, to = c * half + i;
      const std::complex<double> lambda(s.lambda_re[from], s.lambda_im[from]);
      const std::complex<double> power = std::pow(lambda, static_cast<int>(kTiChunk));
      m[at.step_re + to] = s.lambda_re[from];
      m[at.step_im + to] = s.lambda_im[from];
      m[at.chunk_re + to] = rounded(power.real());
      m[at.chunk_im + to] = rounded(power.imag());
      m[at.B + c * N + i] = 1;
      m[at.C + c * N + i] = s.CB_re[from];
      m[at.C + c * N + half + i] = -s.CB_im[from];
    }
    diagonal_chunk(s, c, half, m + at.inputs + c * kTiChunk * N, m + at.outputs + c * N * kTiChunk,
                   m + at.impulse + c * 2 * kTiChunk);
  }
}

std::vector<float> impulse_response(TiRun& run, ThreadPool& pool, const TimeInvariant& system,
                                    size_t lags) {
  const size_t p = system.channels;
  std::vector<float> state(p * system.states), u(lags * p, 0.0f), y(lags * p), kernel(p * lags);
  for (size_t c = 0; c < p && lags > 0; ++c) u[c] = 1;
  run(pool, system, lags, u.data(), p, state.data(), y.data(), p);
  for (size_t c = 0; c < p; ++c)
    for (size_t k = 0; k < lags; ++k) kernel[c * lags + k] = y[k * p + c];
  return kernel;
}

}  // namespace stateline::kernels
