// Attention mode of a mixer head: softmax attention with the decays as a mask, over a paged cache.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/ssd.h"
#include "kernels/thread_pool.h"

namespace stateline::kernels {

constexpr size_t kPageTokens = 32;

// One head's part of one page ("slot"): 32 tokens. Keys are stored transposed, so that one vector
// holds one coordinate of 16 tokens and a score needs no horizontal sum. A slot is a plain run of
// bytes, 64-byte aligned, that may be copied or stored as it is:
//   double cumulative[32]   sum of the head's log decays a up to and including the token
//   float log_dt[32]        log(max(dt, 1e-6))
//   float k[K][32]
//   float v[32][V]
// A page of the engine is slots one after another: [layers][attention heads]. Query heads may share
// a slot; softmax attention without decays leaves `cumulative` and `log_dt` zero.
constexpr size_t slot_bytes(size_t K, size_t V) {
  const size_t bytes = kPageTokens * (sizeof(double) + sizeof(float) * (1 + K + V));
  return (bytes + 63) / 64 * 64;
}

struct SlotView {
  double* cumulative;
  float* log_dt;
  float* k;
  float* v;
};
inline SlotView slot_view(std::byte* slot, size_t K) {
  auto* cumulative = reinterpret_cast<double*>(slot);
  auto* log_dt = reinterpret_cast<float*>(cumulative + kPageTokens);
  float* k = log_dt + kPageTokens;
  return {cumulative, log_dt, k, k + kPageTokens * K};
}

// Writes one token (0..31) of a slot: k [K], v [V].
inline void write_slot(std::byte* slot, size_t token, size_t K, size_t V, const float* k,
                       const float* v, double cumulative, float log_dt) {
  const SlotView view = slot_view(slot, K);
  view.cumulative[token] = cumulative;
  view.log_dt[token] = log_dt;
  for (size_t i = 0; i < K; ++i) view.k[i * kPageTokens + token] = k[i];
  for (size_t i = 0; i < V; ++i) view.v[token * V + i] = v[i];
}

// Zeroes what a slot holds of the tokens from `first` (0..32) on.
inline void clear_slot(std::byte* slot, size_t first, size_t K, size_t V) {
  const SlotView view = slot_view(slot, K);
  std::fill(view.cumulative + first, view.cumulative + kPageTokens, 0.0);
  std::fill(view.log_dt + first, view.log_dt + kPageTokens, 0.0f);
  for (size_t i = 0; i < K; ++i)
    std::fill(view.k + i * kPageTokens + first, view.k + (i + 1) * kPageTokens, 0.0f);
  std::fill(view.v + first * V, view.v + kPageTokens * V, 0.0f);
}

// The cached last position of a slot's head, to continue `cumulative` from.
inline double last_cumulative(const std::byte* slot, size_t token) {
  return reinterpret_cast<const double*>(slot)[token];
}

// Queries are the tokens at positions first_query .. first_query + tokens - 1; their own keys and
// values are already in the pages. pages[p] holds positions first_position + 32 p ...; places after
// the last query may be uninitialised. Head number i of `head` has its slot at pages[p] + offset +
// i / heads_per_key * slot_bytes(K, V); `head` lists whole groups of heads that share one.
struct AttentionArguments {
  size_t tokens;         // L
  size_t heads;          // how many run here
  const uint32_t* head;  // [heads] which of the H heads
  size_t K, V;
  const float* q;  // [L, H, K], token stride ldq
  size_t ldq;
  const float* query_scale;  // [H] exp(temperature) / sqrt(K)
  const std::byte* const* pages;
  size_t page_count;
  size_t offset;            // bytes from a page's start to this layer's first slot
  uint64_t first_position;  // of pages[0], a multiple of 32
  uint64_t first_query;
  uint64_t window;  // each query sees its last `window` positions, itself included; 0 = all
  float* y;         // [L, H, V], token stride ldy; only the named heads are written; apart from q
  size_t ldy;
  // [H] upper bounds of |k_j|, or null. With them, pages whose decay leaves them less than e^-25 of
  // a query's weight are passed over (2048 such keys weigh 3e-8 together: below f32). For keys that
  // are normalised and then scaled by a weight w [K] the bound is sqrt(K) * max |w|.
  const float* key_bound = nullptr;
  size_t heads_per_key =
      1;  // query heads that share a slot: its keys are read once for all of them
};

// s_ij = query_scale * q_i . k_j + (cumulative_i - cumulative_j) + log_dt_j over the window,
// y_i = softmax_j(s_ij) v_j. Forgetting Transformer, arXiv 2503.02130, eq. 5-7, with online softmax
// (FlashAttention, arXiv 2205.14135, alg. 1) from the newest page to the oldest. |error| <= 2e-5 *
// max |v|.
using Attention = void(ThreadPool& pool, const AttentionArguments& arguments);

namespace reference {
Attention attention;
}

}  // namespace stateline::kernels
