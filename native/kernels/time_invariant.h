// A time-invariant state-space layer, one system a channel: x_{t+1} = A x_t + B u_t,
// y_t = C x_{t+1} + D u_t. The same map runs as a recurrence or, much faster, by chunks.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/thread_pool.h"

namespace stateline::kernels {

constexpr size_t kTiChunk = 32;
// Bounds of a system: its chunk's states lie on the stack.
constexpr size_t kTiMaxStates = 256;
constexpr size_t kTiMaxRank = 64;

// A = decay (I + P Q^T), shared by all channels; the layer's own arrays, row-major and borrowed.
struct LowRankSystem {
  size_t channels, states, rank;  // p, N <= kTiMaxStates, R <= kTiMaxRank
  float decay;
  const float *P, *Q;  // [N, R]
  const float *B, *C;  // [p, N]
  const float* D;      // [p]
};

// A = diag(lambda) of each channel with every conjugate pair written once, B = 1, C = CB:
// x_{t+1} = lambda x_t + u_t, y_t = Re(sum CB x_{t+1}) + D u_t (S4D, arXiv 2206.11893, sec. 3).
struct DiagonalSystem {
  size_t channels, pairs;              // p, N / 2 with N <= kTiMaxStates
  const float *lambda_re, *lambda_im;  // [p, N / 2]
  const float *CB_re, *CB_im;          // [p, N / 2]
  const float* D;                      // [p]
};

// x -> A^k x for one k.
struct TiTransition {
  float factor;                        // low rank: A^k x = factor (x + P (Q^T x))
  const float* P;                      // [R, N], transposed
  const float *lambda_re, *lambda_im;  // diagonal: [p, N / 2], the k-th powers
};

// What the kernels read, in real numbers. A complex state is its real parts, then its imaginary
// ones. N is padded to whole vectors of every level (32, or 16 a half), R to 16; padding is zero.
// A power of A costs no more than A itself: (I + P Q^T)^k = I + P W_k Q^T with W_1 = I and
// W_{k+1} = I + (I + Q^T P) W_k, R x R.
struct TimeInvariant {
  size_t channels, states;   // p, N
  size_t rank;               // R; 0 = diagonal
  const float* Q;            // [N, R]
  TiTransition step, chunk;  // by 1 and by kTiChunk
  const float *B, *C;        // [p, N]
  const float* D;            // [p]
  const float* inputs;       // [p, chunk, N]: row j is A^j B
  const float* outputs;      // [p, N, chunk]: column i is (C A^{i+1})^T
  const float* impulse;      // [p, 2 chunk]: chunk - 1 zeros, K_0 .. K_{chunk-1}, a zero
};

// Builds the operators once, in double, and owns them: 2 N kTiChunk floats a channel and a little.
class TimeInvariantSystem {
 public:
  explicit TimeInvariantSystem(const LowRankSystem& system);
  explicit TimeInvariantSystem(const DiagonalSystem& system);
  TimeInvariantSystem(TimeInvariantSystem&&) = default;

  const TimeInvariant& operators() const { return operators_; }
  size_t bytes() const { return memory_.size() * sizeof(float); }

 private:
  std::vector<float> memory_;
  TimeInvariant operators_{};
};

// u [tokens, p] stride ldu, y the same stride ldy, apart from u; state [p, N] of the operators in
// and out, zeros at the start. |error| <= 5e-6 * max(1, max |C| |x|), 2-norms, against
// a recurrence in double (y is a sum of that size and may cancel), at all lengths up to 65,536,
// where all modes remember 250 tokens (1 / (1 - |eigenvalue|)) or some of them 10,000; the
// roundings of a longer memory grow with its root.
using TiRun = void(ThreadPool& pool, const TimeInvariant& system, size_t tokens, const float* u,
                   size_t ldu, float* state, float* y, size_t ldy);

// ti_recurrence: token by token, N (2 R + 2) products each (4 N diagonal).
// ti_scan: whole chunks as products of matrices, 2 N + chunk + N * 2 R / chunk products a token:
// inside a chunk the kernel K_k = C A^k B, between chunks the state (the blocked scan of Mamba-2,
// arXiv 2405.21060, sec. 6, for an A that does not change). The tokens after the last whole chunk
// go by the recurrence.

// kernel [p, lags]: the answer to an impulse, K_k = C A^k B (+ D at k = 0).
std::vector<float> impulse_response(TiRun& run, ThreadPool& pool, const TimeInvariant& system,
                                    size_t lags);

namespace reference {
TiRun ti_recurrence;
TiRun ti_scan;
}  // namespace reference

}  // namespace stateline::kernels
