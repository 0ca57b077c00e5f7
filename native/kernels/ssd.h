// State mode of a mixer head: the selective recurrence, chunked for prefill and stepped for decode.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/thread_pool.h"

namespace stateline::kernels {

constexpr size_t kSsdChunk = 64;
// Bounds of K and V: tiles live on the stack, at most some 250 KB of it.
constexpr size_t kMaxKeyDim = 256;
constexpr size_t kMaxValueDim = 256;

// Rows hold all H heads of the layer; `head` names those that run in state mode, so nothing is
// gathered. Neighbouring heads may share their q and k (groups): there are G = H / heads_per_key of
// each, head h reads those of number h / heads_per_key, and `head` lists whole groups of them.
struct SsdArguments {
  size_t tokens;         // L
  size_t heads;          // how many run here
  const uint32_t* head;  // [heads] which of the H heads
  size_t K, V;
  const float* q;  // [L, G, K], token stride ldq
  size_t ldq;
  const float* k;  // [L, G, K], token stride ldk
  size_t ldk;
  const float* v;  // [L, H, V], token stride ldv
  size_t ldv;
  const float* a;   // [L, H] log decay <= 0, token stride lda
  const float* dt;  // [L, H], token stride lda
  size_t lda;
  float scale;   // of q
  float* state;  // [heads, K, V] in and out, in the order of `head`
  float* y;  // [L, H, V], token stride ldy; only the named heads are written; apart from all inputs
  size_t ldy;
  size_t heads_per_key = 1;
  const float* D = nullptr;  // [H], the skip: y += D v; null = none
};

// S_t = exp(a_t) S_{t-1} + dt_t k_t v_t^T,  y_t = scale * S_t^T q_t + D v_t, all in f32.
// Prefill runs it by chunks of 64 as masked matrix products (Mamba-2, arXiv 2405.21060, sec. 6:
// diagonal blocks by the attention form, off-diagonal blocks through the state); decays are sums of
// a inside a chunk, exponentiated only where <= 0; q.k is computed once for all heads that share
// them. Uses pool.scratch() where heads share keys. |error| <= 2e-5 * max |y| against a double
// recurrence.
using SsdPrefill = void(ThreadPool& pool, const SsdArguments& arguments);

// The same for tokens == 1, by the recurrence itself.
using SsdStep = void(ThreadPool& pool, const SsdArguments& arguments);

namespace reference {
SsdPrefill ssd_prefill;
SsdStep ssd_step;
}  // namespace reference

}  // namespace stateline::kernels
