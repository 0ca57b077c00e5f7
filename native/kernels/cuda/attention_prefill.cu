// Flash attention with the decay mask: a warp keeps 16 or 32 queries of one head in registers, a
// block has four warps; keys come page by page, 32 at a time, from the oldest in sight to the
// newest.
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/device_slot.cuh"
#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kKeys = static_cast<int>(kPageTokens);
constexpr int kThreads = kWarps * kWarp;
constexpr float kLog2E = 1.4426950408889634f;

// kWarpRows queries a warp: twice as many read half as much shared memory, and leave half the
// blocks. Of the greatest heads each block has kValueDim values.
template <int kKeyDim, int kValueDim, int kWarpRows>
struct AttentionTraits {
  static constexpr int kK = kKeyDim, kV = kValueDim, kRows = kWarpRows;
  static constexpr int kTiles = kRows / 16;
  static constexpr int kQueries = kWarps * kRows;
  static constexpr bool kSplit = kK > 128;
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
// Of a warp's queries with a page's keys.
template <class Traits>
using Scores = Sum[Traits::kTiles][kKeys / 8];

// What a lane keeps of two queries of each tile while pages go by (FlashAttention, arXiv
// 2205.14135, alg. 1).
template <class Traits>
struct Running {
  struct Part {
    Sum y[Traits::kV / 8];
    float top[2] = {-INFINITY, -INFINITY};
    float total[2] = {0, 0};  // this lane's columns only; summed over lanes at the end
  } part[Traits::kTiles];
};

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

// The block's head among those that run, and its first value: y is the head's slot, z its place
// among the slot's, for each part of the values.
template <class Traits>
__device__ __forceinline__ size_t head_number(const AttentionArguments& s) {
  return blockIdx.y * s.heads_per_slot +
         (Traits::kSplit ? blockIdx.z % s.heads_per_slot : blockIdx.z);
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
  fill_tile<kThreads>(shared.k, slot.k, s.K, keys, static_cast<int>(s.K));
  const int d = first_value<Traits>(s);
  fill_tile<kThreads>(shared.v, slot.v + d, s.V, keys, static_cast<int>(s.V) - d);
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

// The warp's scores with the page's keys, in units of log 2.
template <class Traits>
__device__ __forceinline__ void score(Scores<Traits>& scores, const Queries<Traits>& queries,
                                      const typename Traits::Shared& shared, float scale) {
#pragma unroll
  for (int inner = 0; inner < Traits::kK; inner += 16) {
#pragma unroll
    for (int col = 0; col < kKeys; col += 16) {
      Right keys;
      keys.load(shared.k.at, inner, col);
#pragma unroll
      for (int tile = 0; tile < Traits::kTiles; ++tile)
        multiply(&scores[tile][col / 8], queries[tile][inner / 16], keys);
    }
  }
#pragma unroll
  for (int j = 0; j < kKeys / 8; ++j) {
    const float2 bias = *reinterpret_cast<const float2*>(&shared.key_bias[j * 8 + Sum::col(0)]);
#pragma unroll
    for (int tile = 0; tile < Traits::kTiles; ++tile) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float& value = scores[tile][j].c[i];
        value = value * scale + (i % 2 ? bias.y : bias.x);
      }
    }
  }
}

template <class Traits>
__device__ __forceinline__ void mask(Scores<Traits>& scores, const Sight& sight, int row) {
#pragma unroll
  for (int tile = 0; tile < Traits::kTiles; ++tile) {
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (!sight.of(row + tile * 16 + Sum::row(i), j * 8 + Sum::col(i)))
          scores[tile][j].c[i] = -INFINITY;
      }
    }
  }
}

// Scores become weights; what was summed before is scaled to the new greatest score. The four lanes
// of a group have a row together.
template <class Traits>
__device__ __forceinline__ void rescale(typename Running<Traits>::Part& running,
                                        Sum (&scores)[kKeys / 8]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float top = running.top[half];
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j)
      top = fmaxf(top, fmaxf(scores[j].c[half * 2], scores[j].c[half * 2 + 1]));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
    const float base = top == -INFINITY ? 0 : top;  // nothing seen yet: weights are 0, not NaN
    if (top != running.top[half]) {
      const float kept = exp2f(running.top[half] - base);
      running.top[half] = top;
      running.total[half] *= kept;
#pragma unroll
      for (int j = 0; j < Traits::kV / 8; ++j) {
        running.y[j].c[half * 2] *= kept;
        running.y[j].c[half * 2 + 1] *= kept;
      }
    }
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j) {
#pragma unroll
      for (int i = half * 2; i < half * 2 + 2; ++i) {
        scores[j].c[i] = exp2f(scores[j].c[i] - base);
        running.total[half] += scores[j].c[i];
      }
    }
  }
}

template <class Traits>
__device__ __forceinline__ void add_values(Running<Traits>& running, const Scores<Traits>& weights,
                                           const typename Traits::Shared& shared) {
#pragma unroll
  for (int inner = 0; inner < kKeys; inner += 16) {
    Left left[Traits::kTiles];
#pragma unroll
    for (int tile = 0; tile < Traits::kTiles; ++tile)
      left[tile].assign(weights[tile][inner / 8], weights[tile][inner / 8 + 1]);
#pragma unroll
    for (int col = 0; col < Traits::kV; col += 16) {
      Right values;
      values.load_transposed(shared.v.at, inner, col);
#pragma unroll
      for (int tile = 0; tile < Traits::kTiles; ++tile)
        multiply(&running.part[tile].y[col / 8], left[tile], values);
    }
  }
}

// `out` is the tile's first row of the head.
template <class Traits>
__device__ __forceinline__ void write(const typename Running<Traits>::Part& running, bf16* out,
                                      size_t ldy, int queries, int V) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float total = running.total[half];
    total += __shfl_xor_sync(kAllLanes, total, 1);
    total += __shfl_xor_sync(kAllLanes, total, 2);
    const int query = Sum::row(half * 2);
    if (query >= queries) continue;
    const float inverse = 1 / total;
#pragma unroll
    for (int j = 0; j < Traits::kV / 8; ++j) {
#pragma unroll
      for (int i = half * 2; i < half * 2 + 2; ++i) {
        const int d = j * 8 + Sum::col(i);
        if (d < V) store(out + query * ldy + d, running.y[j].c[i] * inverse);
      }
    }
  }
}

// The warp's queries, which come by way of shared memory, so many columns at a time.
template <class Traits>
__device__ __forceinline__ void take_queries(Queries<Traits>& queries,
                                             typename Traits::Shared& shared, const bf16* q,
                                             size_t ldq, int rows, int K) {
#pragma unroll
  for (int part = 0; part < Traits::kK; part += Traits::kPart) {
    if (part > 0) __syncthreads();  // nobody reads the part before any more
    fill_tile<kThreads>(shared.q, q + part, ldq, rows, K - part);
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

template <class Traits>
__global__ void __launch_bounds__(kThreads) attention_prefill_kernel(AttentionArguments s) {
  auto& shared = shared_memory<typename Traits::Shared>();
  const PositionsOf<Traits> at(s);
  const size_t h = s.head[head_number<Traits>(s)], first = blockIdx.x * size_t{Traits::kQueries};
  const int row = warp_index() * Traits::kRows;
  Queries<Traits> queries;
  take_queries<Traits>(queries, shared, s.q + first * s.ldq + h * s.K, s.ldq, at.queries,
                       static_cast<int>(s.K));

  const double base =
      slot_of_page(s, at.first_query / kPageTokens).cumulative[at.first_query % kPageTokens];
  const float scale = s.query_scale[h] * kLog2E;
  Running<Traits> running;
  for (uint64_t page = at.begin / kPageTokens; page * kPageTokens < at.end; ++page) {
    fill_keys<Traits>(shared, s, at, page, base);
    __syncthreads();  // the page is whole
    const Sight sight(s, at, page);
    if (sight.first_key < row + Traits::kRows) {  // else it is ahead of the warp's queries
      Scores<Traits> scores;
      score<Traits>(scores, queries, shared, scale);
      if (!sight.whole) mask<Traits>(scores, sight, row);
#pragma unroll
      for (int tile = 0; tile < Traits::kTiles; ++tile)
        rescale<Traits>(running.part[tile], scores[tile]);
      add_values<Traits>(running, scores, shared);
    }
    __syncthreads();  // nobody reads the page any more
  }
#pragma unroll
  for (int tile = 0; tile < Traits::kTiles; ++tile) {
    const int begin = row + tile * 16, d = first_value<Traits>(s);
    write<Traits>(running.part[tile], s.y + (first + begin) * s.ldy + h * s.V + d, s.ldy,
                  at.queries - begin, static_cast<int>(s.V) - d);
  }
}

template <class Traits>
void run(cudaStream_t stream, const AttentionArguments& s) {
  const size_t parts = ceil_div(s.V, Traits::kV);
  launch(attention_prefill_kernel<Traits>,
         dim3(static_cast<unsigned>(ceil_div(s.tokens, Traits::kQueries)),
              static_cast<unsigned>(s.heads / s.heads_per_slot),
              static_cast<unsigned>(s.heads_per_slot * parts)),
         dim3(kThreads), stream, s);
}

// Fewer blocks of 128 queries than this leave processors of a large GPU idle (an A100 has 108).
constexpr size_t kManyBlocks = 108;

}  // namespace

void attention_prefill(cudaStream_t stream, const AttentionArguments& s, int queries) {
  if (s.K > 128 || s.V > 128) return run<AttentionTraits<256, 128, 16>>(stream, s);
  if (s.K > 64 || s.V > 64) return run<AttentionTraits<128, 128, 16>>(stream, s);
  if (queries == 0) queries = ceil_div(s.tokens, 128) * s.heads >= kManyBlocks ? 128 : 64;
  if (queries == 128) {
    if (s.V <= 32) return run<AttentionTraits<64, 32, 32>>(stream, s);
    return run<AttentionTraits<64, 64, 32>>(stream, s);
  }
  if (s.V <= 32) return run<AttentionTraits<64, 32, 16>>(stream, s);
  run<AttentionTraits<64, 64, 16>>(stream, s);
}

}  // namespace stateline::kernels::cuda
