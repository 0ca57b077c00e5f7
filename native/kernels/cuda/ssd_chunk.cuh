// What the launches of ssd_prefill share: a chunk's tokens, its decays, and the sizes of its tiles.
#pragma once

#include "kernels/cuda/ssd.cuh"
#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {

constexpr int kChunk = static_cast<int>(kSsdChunk);

// Tiles hold K and V padded to these.
template <int kKeyDim, int kValueDim>
struct SsdTraits {
  static constexpr int kK = kKeyDim, kV = kValueDim;
  static constexpr int kWarps = kChunk / 16;  // a warp has 16 tokens, or 16 keys
  static constexpr int kThreads = kWarps * kWarp;
};

// The block's chunk of one head.
struct Chunk {
  size_t h;       // which of the H heads
  size_t key;     // which of the q and k
  size_t slot;    // which of those that run
  size_t number;  // of the chunk
  size_t first;   // token
  int tokens;     // <= kChunk
  __device__ __forceinline__ explicit Chunk(const SsdArguments& s)
      : h(s.head[blockIdx.y]),
        key(s.head[blockIdx.y] / s.heads_per_key),
        slot(blockIdx.y),
        number(blockIdx.x),
        first(number * kChunk) {
    const size_t left = s.tokens - first;
    tokens = left < kChunk ? static_cast<int>(left) : kChunk;
  }
};

// Sums of a within the chunk, each up to and including its token; after the end nothing decays.
struct ChunkDecays {
  float cumulative[kChunk];
  float dt[kChunk];
};

// One warp does it. The caller's barrier makes it seen.
__device__ __forceinline__ void fill_decays(ChunkDecays& decays, const SsdArguments& s,
                                            const Chunk& chunk) {
  float before = 0;
#pragma unroll
  for (int begin = 0; begin < kChunk; begin += kWarp) {
    const int t = begin + lane_index();
    const bool inside = t < chunk.tokens;
    const size_t at = (chunk.first + t) * s.lda + chunk.h;
    const float sum = before + warp_scan(inside ? s.a[at] : 0.0f);
    decays.cumulative[t] = sum;
    decays.dt[t] = inside ? s.dt[at] : 0.0f;
    before = __shfl_sync(kAllLanes, sum, kWarp - 1);
  }
}

// Workspace: states [heads][chunks][K][V], then log decays of whole chunks [heads][chunks].
__device__ __forceinline__ size_t chunk_count(const SsdArguments& s) {
  return ceil_div(s.tokens, kChunk);
}
__device__ __forceinline__ float* chunk_state(const SsdArguments& s, size_t slot, size_t chunk) {
  return s.workspace + (slot * chunk_count(s) + chunk) * s.K * s.V;
}
__device__ __forceinline__ float* chunk_decay(const SsdArguments& s, size_t slot, size_t chunk) {
  return s.workspace + s.heads * chunk_count(s) * s.K * s.V + slot * chunk_count(s) + chunk;
}

}  // namespace stateline::kernels::cuda
