// Flash attention with the decay mask: a block has 64 queries of one head, a warp 16 of them; keys
// come page by page, 32 at a time, from the oldest in sight to the newest.
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kQueries = 64;
constexpr int kKeys = static_cast<int>(kPageTokens);
constexpr int kThreads = kQueries / 16 * kWarp;
constexpr float kLog2E = 1.4426950408889634f;

template <int kKeyDim, int kValueDim>
struct AttentionTraits {
  static constexpr int kK = kKeyDim, kV = kValueDim;
  struct Shared {
    Tile<kQueries, kK> q;
    Tile<kKeys, kK> k;
    Tile<kKeys, kV> v;
    float query_decay[kQueries];  // log2 of what decayed from the block's first query to this one
    float key_bias[kKeys];  // log2 of dt, and of what decayed from the key to that first query
  };
};

// What a lane keeps of its two queries while pages go by (FlashAttention, arXiv 2205.14135, alg.
// 1).
template <class Traits>
struct Running {
  Sum y[Traits::kV / 8];
  float top[2] = {-INFINITY, -INFINITY};
  float total[2] = {0, 0};  // this lane's columns only; summed over lanes at the end
};

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
__device__ __forceinline__ void fill_queries(typename Traits::Shared& shared,
                                             const AttentionArguments& s, const Positions& at,
                                             double base) {
  const size_t h = s.head[blockIdx.y], first = blockIdx.x * size_t{kQueries};
  fill_tile<kThreads>(shared.q, s.q + first * s.ldq + h * s.K, s.ldq, at.queries,
                      static_cast<int>(s.K));
  for (int t = static_cast<int>(threadIdx.x); t < kQueries; t += kThreads) {
    float decay = 0;
    if (t < at.queries) {
      const uint64_t position = at.first_query + t;
      const ConstDeviceSlot slot = slot_of_page(s, position / kPageTokens);
      decay = static_cast<float>(slot.cumulative[position % kPageTokens] - base) * kLog2E;
    }
    shared.query_decay[t] = decay;
  }
}

// Keys outside begin ... end - 1 may be uninitialised: they become zeros.
template <class Traits>
__device__ __forceinline__ void fill_keys(typename Traits::Shared& shared,
                                          const AttentionArguments& s, const Positions& at,
                                          uint64_t page, double base) {
  const ConstDeviceSlot slot = slot_of_page(s, page);
  const uint64_t first = page * kPageTokens;
  const int keys = at.end - first < kPageTokens ? static_cast<int>(at.end - first) : kKeys;
  fill_tile<kThreads>(shared.k, slot.k, s.K, keys, static_cast<int>(s.K));
  fill_tile<kThreads>(shared.v, slot.v, s.V, keys, static_cast<int>(s.V));
  const int j = static_cast<int>(threadIdx.x);
  if (j < kKeys) {
    shared.key_bias[j] =
        j < keys ? (static_cast<float>(base - slot.cumulative[j]) + slot.log_dt[j]) * kLog2E : 0;
  }
}

// Which of a page's keys each query sees. Distances fit 32 bits (two thousand million tokens).
struct Sight {
  int first_key;  // seen from the block's first query; negative before it
  int window;
  bool whole;  // every key of the page is seen by every query
  __device__ __forceinline__ Sight(const AttentionArguments& s, const Positions& at, uint64_t page)
      : first_key(static_cast<int>(static_cast<int64_t>(page * kPageTokens - at.first_query))),
        window(s.window == 0 || s.window > INT32_MAX ? INT32_MAX : static_cast<int>(s.window)),
        whole(first_key + kKeys <= 1 && kQueries - 1 - first_key < window) {}
  __device__ __forceinline__ bool of(int query, int key) const {
    const int distance = query - key - first_key;
    return whole || (distance >= 0 && distance < window);
  }
};

// The warp's scores with the page's keys, in units of log 2.
template <class Traits>
__device__ __forceinline__ void scores(Sum (&sums)[kKeys / 8],
                                       const typename Traits::Shared& shared,
                                       const AttentionArguments& s, const Positions& at,
                                       uint64_t page, float scale) {
  const int row = warp_index() * 16;
#pragma unroll
  for (int inner = 0; inner < Traits::kK; inner += 16) {
    Left queries;
    queries.load(shared.q.at, row, inner);
#pragma unroll
    for (int col = 0; col < kKeys; col += 16) {
      Right keys;
      keys.load(shared.k.at, inner, col);
      multiply(&sums[col / 8], queries, keys);
    }
  }
  const Sight sight(s, at, page);
#pragma unroll
  for (int tile = 0; tile < kKeys / 8; ++tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int query = row + Sum::row(i), key = tile * 8 + Sum::col(i);
      float& score = sums[tile].c[i];
      score = sight.of(query, key)
                  ? score * scale + shared.query_decay[query] + shared.key_bias[key]
                  : -INFINITY;
    }
  }
}

// Scores become weights; what was summed before is scaled to the new greatest score. The four lanes
// of a group have a row together.
template <class Traits>
__device__ __forceinline__ void rescale(Running<Traits>& running, Sum (&sums)[kKeys / 8]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float top = running.top[half];
#pragma unroll
    for (int tile = 0; tile < kKeys / 8; ++tile)
      top = fmaxf(top, fmaxf(sums[tile].c[half * 2], sums[tile].c[half * 2 + 1]));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
    const float base = top == -INFINITY ? 0 : top;  // nothing seen yet: weights are 0, not NaN
    const float kept = exp2f(running.top[half] - base);
    running.top[half] = top;
    running.total[half] *= kept;
#pragma unroll
    for (int tile = 0; tile < kKeys / 8; ++tile) {
#pragma unroll
      for (int i = half * 2; i < half * 2 + 2; ++i) {
        sums[tile].c[i] = exp2f(sums[tile].c[i] - base);
        running.total[half] += sums[tile].c[i];
      }
    }
#pragma unroll
    for (int tile = 0; tile < Traits::kV / 8; ++tile) {
      running.y[tile].c[half * 2] *= kept;
      running.y[tile].c[half * 2 + 1] *= kept;
    }
  }
}

template <class Traits>
__device__ __forceinline__ void add_values(Running<Traits>& running, const Sum (&sums)[kKeys / 8],
                                           const typename Traits::Shared& shared) {
#pragma unroll
  for (int inner = 0; inner < kKeys; inner += 16) {
    Left weights;
    weights.assign(sums[inner / 8], sums[inner / 8 + 1]);
#pragma unroll
    for (int col = 0; col < Traits::kV; col += 16) {
      Right values;
      values.load_transposed(shared.v.at, inner, col);
      multiply(&running.y[col / 8], weights, values);
    }
  }
}

template <class Traits>
__device__ __forceinline__ void write(Running<Traits>& running, const AttentionArguments& s,
                                      const Positions& at) {
  const size_t h = s.head[blockIdx.y];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float total = running.total[half];
    total += __shfl_xor_sync(kAllLanes, total, 1);
    total += __shfl_xor_sync(kAllLanes, total, 2);
    const int query = warp_index() * 16 + Sum::row(half * 2);
    if (query >= at.queries) continue;
    bf16* y = s.y + (blockIdx.x * size_t{kQueries} + query) * s.ldy + h * s.V;
    const float inverse = 1 / total;
#pragma unroll
    for (int tile = 0; tile < Traits::kV / 8; ++tile) {
#pragma unroll
      for (int i = half * 2; i < half * 2 + 2; ++i) {
        const int d = tile * 8 + Sum::col(i);
        if (d < s.V) store(y + d, running.y[tile].c[i] * inverse);
      }
    }
  }
}

template <class Traits>
__global__ void __launch_bounds__(kThreads) attention_prefill_kernel(AttentionArguments s) {
  auto& shared = shared_memory<typename Traits::Shared>();
  const Positions at(s);
  const double base =
      slot_of_page(s, at.first_query / kPageTokens).cumulative[at.first_query % kPageTokens];
  fill_queries<Traits>(shared, s, at, base);
  const float scale = s.query_scale[s.head[blockIdx.y]] * kLog2E;
  Running<Traits> running;
  for (uint64_t page = at.begin / kPageTokens; page * kPageTokens < at.end; ++page) {
    fill_keys<Traits>(shared, s, at, page, base);
    __syncthreads();  // the page (and at first the queries) is whole
    Sum sums[kKeys / 8];
    scores<Traits>(sums, shared, s, at, page, scale);
    rescale<Traits>(running, sums);
    add_values<Traits>(running, sums, shared);
    __syncthreads();  // nobody reads the page any more
  }
  write<Traits>(running, s, at);
}

template <class Traits>
void run(cudaStream_t stream, const AttentionArguments& s) {
  launch(attention_prefill_kernel<Traits>,
         dim3(static_cast<unsigned>(ceil_div(s.tokens, kQueries)), static_cast<unsigned>(s.heads)),
         dim3(kThreads), stream, s);
}

}  // namespace

void attention_prefill(cudaStream_t stream, const AttentionArguments& s) {
  if (s.K <= 64 && s.V <= 32) return run<AttentionTraits<64, 32>>(stream, s);
  if (s.K <= 64 && s.V <= 64) return run<AttentionTraits<64, 64>>(stream, s);
  run<AttentionTraits<128, 128>>(stream, s);
}

}  // namespace stateline::kernels::cuda
