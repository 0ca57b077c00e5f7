// A recurrent memory as an immutable base and a log of what came after it: a step reads the base
// and writes a row of the log, so that a fork, an undo or a refused draft costs no copy of a state.
#pragma once

#include <cstddef>

#include "kernels/attention.h"
#include "kernels/ssd.h"

namespace stateline::kernels {

// One layer's part of one page: what its heads read in up to 32 tokens, a plain run of bytes,
// 64-byte aligned, that may be copied or stored as it is. For each group of P = heads_per_key heads
//   double cumulative[P][32]   sum of a head's log decays in this page, up to and with the token
//   float k[32][K]
//   float u[P][32][V]          the written value: dt v of ssd, beta (v - r) of the delta rule
// so that S_t = exp(cumulative_t) base + sum_{j <= t} exp(cumulative_t - cumulative_j) k_j u_j^T.
constexpr size_t log_bytes(size_t heads, size_t heads_per_key, size_t K, size_t V) {
  return kPageTokens *
         (heads * (sizeof(double) + V * sizeof(float)) + heads / heads_per_key * K * sizeof(float));
}

// What head number i of a part has.
struct LogView {
  double* cumulative;
  float* k;
  float* u;
};
inline LogView log_view(std::byte* part, size_t i, size_t heads_per_key, size_t K, size_t V) {
  const size_t group = i / heads_per_key, member = i % heads_per_key;
  auto* cumulative =
      reinterpret_cast<double*>(part + group * log_bytes(heads_per_key, heads_per_key, K, V));
  auto* k = reinterpret_cast<float*>(cumulative + heads_per_key * kPageTokens);
  return {cumulative + member * kPageTokens, k, k + kPageTokens * (K + member * V)};
}

// rows: the new tokens as ssd takes them; rows.tokens + held <= 32, rows.state is not used.
struct LogArguments {
  SsdArguments rows;
  const float* base;  // [heads, K, V] before the page's first token, in the order of rows.head
  std::byte* part;    // holds `held` tokens; on return the new ones too. Nothing else of it is
                      // written, and what is behind may be uninitialised
  size_t held;
};

// Appends tokens and computes their y, as ssd_prefill from the state that base and log stand for.
// The base is read once for all of them; what ssd appends does not depend on how the tokens are
// cut. Uses pool.scratch() where heads share keys. |error| <= 2e-5 * max |y| against a double
// recurrence.
using SsdLog = void(ThreadPool& pool, const LogArguments& arguments);

struct FoldArguments {
  size_t heads, heads_per_key, K, V;
  const float* base;      // [heads, K, V]
  const std::byte* part;  // of which the first `tokens` count
  size_t tokens;          // 0..32
  float* state;           // [heads, K, V] after them; may be base
};

// The base that comes after a part. |error| <= 2e-5 * max |state| against a double recurrence.
using LogFold = void(ThreadPool& pool, const FoldArguments& arguments);

namespace reference {
SsdLog ssd_log;
LogFold log_fold;
}  // namespace reference

}  // namespace stateline::kernels
