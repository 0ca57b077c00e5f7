// Flash attention with the decay mask: a warp keeps 16 or 32 queries of one head in registers, a
// block has four warps; keys come page by page, 32 at a time, from the oldest in sight to the
// newest.
#include "kernels/cuda/attention_tiles.cuh"

namespace stateline::kernels::cuda {
namespace {

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

template <class Traits>
__global__ void __launch_bounds__(Traits::kThreads, Traits::kBlocks)
    attention_prefill_kernel(AttentionArguments s) {
  auto& shared = shared_memory<typename Traits::Shared>();
  const PositionsOf<Traits> at(s);
  const uint32_t h = head_of_block<Traits>(s);
  const size_t first = blockIdx.x * size_t{Traits::kQueries};
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
    bf16* y = s.y + (first + begin) * s.ldy + head_of_block<Traits>(s) * s.V + d;
    write<Traits>(running.part[tile], y, s.ldy, at.queries - begin, static_cast<int>(s.V) - d);
  }
}

template <class Traits>
void run(cudaStream_t stream, const AttentionArguments& s) {
  const size_t parts = ceil_div(s.V, Traits::kV);
  launch(attention_prefill_kernel<Traits>,
         dim3(static_cast<unsigned>(ceil_div(s.tokens, Traits::kQueries)),
              static_cast<unsigned>(s.heads / s.heads_per_slot),
              static_cast<unsigned>(s.heads_per_slot * parts)),
         dim3(Traits::kThreads), stream, s);
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
