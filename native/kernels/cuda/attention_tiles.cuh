// What a block of attention_prefill has of queries, keys and values, and which keys are in sight.
#pragma once

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/device_slot.cuh"
#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {

constexpr int kKeys = static_cast<int>(kPageTokens);
constexpr float kLog2E = 1.4426950408889634f;

// kWarpRows queries a warp: twice as many read half as much shared memory, and leave half the
// blocks. Of the greatest heads each block has kValueDim values.
template <int kKeyDim, int kValueDim, int kWarpRows>
struct AttentionTraits {
  static constexpr int kK = kKeyDim, kV = kValueDim, kRows = kWarpRows;
  static constexpr int kWarps = 4, kThreads = kWarps * kWarp;
  static constexpr int kTiles = kRows / 16;
  static constexpr int kQueries = kWarps * kRows;
  static constexpr bool kSplit = kK > 128;
  // A multiprocessor holds at least so many blocks (0: as it comes): wide heads spill for a third.
  static constexpr int kBlocks = kK > 64 ? 2 : 0;
  static constexpr int kPart = kK < 128 ? kK : 128;  // of the queries' columns at once
  struct Shared {
    Tile<kQueries, kPart> q;
    Tile<kKeys, kK> k;
    Tile<kKeys, kV> v;
    // log2 of dt, and of what decayed from the key to the block's first query. What decayed from
    // there to the query itself is the same for all its keys, so the softmax does without it.
    alignas(8) float key_bias[kKeys];
  };
};

template <class Traits>
using Queries = Left[Traits::kTiles][Traits::kK / 16];

template <int kQueries>
struct Positions {
  uint64_t first_query, begin, end;  // keys begin <= j < end are in sight of some query
  int queries;
  __device__ __forceinline__ explicit Positions(const AttentionArguments& s) {
    const uint64_t first = blockIdx.x * uint64_t{kQueries};
    first_query = s.first_query + first;
    queries = s.tokens - first < kQueries ? static_cast<int>(s.tokens - first) : kQueries;
    end = first_query + queries;
    const uint64_t oldest =
        s.window == 0 || first_query + 1 < s.window ? 0 : first_query + 1 - s.window;
    begin = oldest < s.cache.first_position ? s.cache.first_position : oldest;
  }
};

__device__ __forceinline__ ConstDeviceSlot slot_of_page(const AttentionArguments& s,
                                                        uint64_t page) {
  const size_t index = page - s.cache.first_position / kPageTokens;
  return {s.cache.pages[index] + s.cache.offset + blockIdx.y * device_slot_bytes(s.K, s.V), s.K};
}

template <class Traits>
using PositionsOf = Positions<Traits::kQueries>;

// The block's head and its first value: y is the head's slot, z its place among the slot's, for
// each part of the values.
template <class Traits>
__device__ __forceinline__ uint32_t head_of_block(const AttentionArguments& s) {
  return s.head[blockIdx.y * s.heads_per_slot +
                (Traits::kSplit ? blockIdx.z % s.heads_per_slot : blockIdx.z)];
}
template <class Traits>
__device__ __forceinline__ int first_value(const AttentionArguments& s) {
  return Traits::kSplit ? static_cast<int>(blockIdx.z / s.heads_per_slot) * Traits::kV : 0;
}

// Keys outside begin ... end - 1 may be uninitialised: they become zeros.
template <class Traits>
__device__ __forceinline__ void fill_keys(typename Traits::Shared& shared,
                                          const AttentionArguments& s,
                                          const PositionsOf<Traits>& at, uint64_t page,
                                          double base) {
  const ConstDeviceSlot slot = slot_of_page(s, page);
  const uint64_t first = page * kPageTokens;
  const int keys = at.end - first < kPageTokens ? static_cast<int>(at.end - first) : kKeys;
  fill_tile<Traits::kThreads>(shared.k, slot.k, s.K, keys, static_cast<int>(s.K));
  const int d = first_value<Traits>(s);
  fill_tile<Traits::kThreads>(shared.v, slot.v + d, s.V, keys, static_cast<int>(s.V) - d);
  const int j = static_cast<int>(threadIdx.x);
  if (j < kKeys) {
    shared.key_bias[j] =
        j < keys ? (static_cast<float>(base - slot.cumulative[j]) + slot.log_dt[j]) * kLog2E : 0;
  }
}

// Which of a page's keys each query of the block sees. Distances fit 32 bits (two thousand million
// tokens).
struct Sight {
  int first_key;  // seen from the block's first query; negative before it
  int window;
  bool whole;  // every key of the page is seen by every query
  template <int kQueries>
  __device__ __forceinline__ Sight(const AttentionArguments& s, const Positions<kQueries>& at,
                                   uint64_t page)
      : first_key(static_cast<int>(static_cast<int64_t>(page * kPageTokens - at.first_query))),
        window(s.window == 0 || s.window > INT32_MAX ? INT32_MAX : static_cast<int>(s.window)),
        whole(first_key + kKeys <= 1 && kQueries - 1 - first_key < window) {}
  __device__ __forceinline__ bool of(int query, int key) const {
    const int distance = query - key - first_key;
    return distance >= 0 && distance < window;
  }
};

// The warp's queries, which come by way of shared memory, so many columns at a time.
template <class Traits>
__device__ __forceinline__ void take_queries(Queries<Traits>& queries,
                                             typename Traits::Shared& shared, const bf16* q,
                                             size_t ldq, int rows, int K) {
#pragma unroll
  for (int part = 0; part < Traits::kK; part += Traits::kPart) {
    if (part > 0) __syncthreads();  // nobody reads the part before any more
    fill_tile<Traits::kThreads>(shared.q, q + part, ldq, rows, K - part);
    __syncthreads();  // this part is whole
#pragma unroll
    for (int tile = 0; tile < Traits::kTiles; ++tile) {
#pragma unroll
      for (int inner = 0; inner < Traits::kPart; inner += 16) {
        queries[tile][(part + inner) / 16].load(shared.q.at,
                                                warp_index() * Traits::kRows + tile * 16, inner);
      }
    }
  }
}

}  // namespace stateline::kernels::cuda
