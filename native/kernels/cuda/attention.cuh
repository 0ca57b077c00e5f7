// kernels/attention.h on a GPU: q, k, v and y in bf16, scores and sums in f32, cumulative decays in
// f64 (only differences are narrowed). |error| <= 2^-6 max |v|. key_bound is not used: every page
// in the window is read. Runs of heads may share a slot.
#pragma once

#include "kernels/attention.h"
#include "kernels/cuda/types.h"

namespace stateline::kernels::cuda {

// Where a layer's slots are: number i is at pages[p] + offset + i * device_slot_bytes(K, V);
// pages[p] holds positions first_position + 32 p ...
struct PagedCache {
  std::byte* const* pages;
  size_t offset;
  uint64_t first_position;
};

struct AppendArguments {
  size_t tokens, slots;
  size_t heads_per_slot;
  const uint32_t* head;  // [slots, heads_per_slot]; a slot's k, v and decays are of their number
                         // head / heads_per_slot
  size_t K, V;
  const bf16* k;
  size_t ldk;
  const bf16* v;
  size_t ldv;
  const float* a;       // [L, H]; null: nothing decays, nor is there
  const float* log_dt;  // [L, H]
  size_t lda;
  PagedCache cache;
  uint64_t position;  // of the first token
};
// Writes the tokens' keys, values and running decays into the cache.
void append_to_cache(cudaStream_t stream, const AppendArguments& arguments);

struct AttentionArguments {
  size_t tokens, heads;
  size_t heads_per_slot;
  const uint32_t* head;  // [slots, heads_per_slot]
  size_t K, V;           // at most 256
  const bf16* q;
  size_t ldq;
  const float* query_scale;  // [H]
  PagedCache cache;
  uint64_t first_query;
  uint64_t window;   // 0 = all
  float* workspace;  // attention_workspace_floats(...), of the decode road
  bf16* y;
  size_t ldy;
};
// On tensor cores (FlashAttention-2, arXiv 2307.08691); `queries` a block: 0 chooses, 64 and 128
// name it (for tests; 128 where K and V are at most 64).
void attention_prefill(cudaStream_t stream, const AttentionArguments& arguments, int queries = 0);

// tokens == 1: the pages are split over blocks, whose results are merged by a second launch
// (Flash-Decoding).
size_t attention_workspace_floats(size_t heads, size_t K, size_t V);
void attention_decode(cudaStream_t stream, const AttentionArguments& arguments);

// Whichever suits the number of queries.
inline void attend(cudaStream_t stream, const AttentionArguments& arguments) {
  if (arguments.tokens == 1) return attention_decode(stream, arguments);
  attention_prefill(stream, arguments);
}

}  // namespace stateline::kernels::cuda
