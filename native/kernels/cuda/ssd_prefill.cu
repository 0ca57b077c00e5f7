// Chunked selective recurrence on tensor cores; docs/cuda.md has the picture.
#include "kernels/cuda/four.cuh"
#include "kernels/cuda/ssd_chunk.cuh"

namespace stateline::kernels::cuda {
namespace {

// ---------------------------------------------------------------- 1. what a chunk adds to the
// state sum_j exp(c_last - c_j) dt_j k_j v_j^T, a product K x 64 x V.

template <class Traits>
struct ChunkStateShared {
  Tile<kChunk, Traits::kK> k;
  Tile<kChunk, Traits::kV> v;  // times what is left of it at the chunk's end
  ChunkDecays decays;
};

// v_j exp(c_last - c_j) dt_j
template <class Traits>
__device__ __forceinline__ void weigh_values(ChunkStateShared<Traits>& shared) {
  const float last = shared.decays.cumulative[kChunk - 1];
  for (int i = static_cast<int>(threadIdx.x); i < kChunk * Traits::kV; i += Traits::kThreads) {
    const int j = i / Traits::kV;
    bf16* v = &shared.v.at[j][i % Traits::kV];
    store(v, load(v) * shared.decays.dt[j] * __expf(last - shared.decays.cumulative[j]));
  }
}

template <class Traits>
__global__ void __launch_bounds__(Traits::kThreads) ssd_chunk_state_kernel(SsdArguments s) {
  auto& shared = shared_memory<ChunkStateShared<Traits>>();
  const Chunk chunk(s);
  fill_tile<Traits::kThreads>(shared.k, s.k + chunk.first * s.ldk + chunk.key * s.K, s.ldk,
                              chunk.tokens, static_cast<int>(s.K));
  fill_tile<Traits::kThreads>(shared.v, s.v + chunk.first * s.ldv + chunk.h * s.V, s.ldv,
                              chunk.tokens, static_cast<int>(s.V));
  if (warp_index() == 0) fill_decays(shared.decays, s, chunk);
  __syncthreads();  // tiles and decays are whole before values are weighed
  weigh_values<Traits>(shared);
  __syncthreads();  // all values are weighed before they are multiplied

  if (threadIdx.x == 0)
    *chunk_decay(s, chunk.slot, chunk.number) = shared.decays.cumulative[kChunk - 1];
  float* state = chunk_state(s, chunk.slot, chunk.number);
  for (int row = warp_index() * 16; row < Traits::kK; row += Traits::kWarps * 16) {
    Left keys[kChunk / 16];
#pragma unroll
    for (int j = 0; j < kChunk / 16; ++j) keys[j].load_transposed(shared.k.at, row, j * 16);
    for (int col = 0; col < Traits::kV; col += 16) {
      Sum sums[2];
#pragma unroll
      for (int j = 0; j < kChunk / 16; ++j) {
        Right values;
        values.load_transposed(shared.v.at, j * 16, col);
        multiply(sums, keys[j], values);
      }
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const int c = row + Sum::row(i % 4), d = col + i / 4 * 8 + Sum::col(i % 4);
        if (c < s.K && d < s.V) state[c * s.V + d] = sums[i / 4].c[i % 4];
      }
    }
  }
}

// ---------------------------------------------------------------- 2. the scan over chunks
// A thread an element of the state: what a chunk adds is replaced by the state before the chunk.

constexpr int kScanThreads = 128;
constexpr int kAhead = 8;  // chunks whose loads are on their way together

__global__ void __launch_bounds__(kScanThreads) ssd_scan_kernel(SsdArguments s) {
  const size_t size = s.K * s.V, slot = blockIdx.y, chunks = chunk_count(s);
  const size_t element = blockIdx.x * size_t{kScanThreads} + threadIdx.x;
  if (element >= size) return;
  float state = s.state[slot * size + element];
  for (size_t first = 0; first < chunks; first += kAhead) {
    float* place = chunk_state(s, slot, first) + element;
    const float* log_decay = chunk_decay(s, slot, first);
    // After the last chunk nothing decays and nothing is added.
    float added[kAhead], decay[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const bool inside = first + i < chunks;
      added[i] = inside ? place[i * size] : 0;
      decay[i] = inside ? log_decay[i] : 0;
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      if (first + i < chunks) place[i * size] = state;
      state = __expf(decay[i]) * state + added[i];
    }
  }
  s.next_state[slot * size + element] = state;
}

// ---------------------------------------------------------------- 3. the outputs
// y_i = scale (exp(c_i) q_i S + sum_{j <= i} (q_i . k_j) exp(c_i - c_j) dt_j v_j). A warp has 16
// tokens. Two tiles serve four matrices: q, then v; k, then the state before the chunk, 64 keys at
// a time.

template <class Traits>
struct OutputShared {
  static constexpr int kWider = Traits::kK > Traits::kV ? Traits::kK : Traits::kV;
  Tile<kChunk, kWider> first;
  Tile<kChunk, kWider> second;
  ChunkDecays decays;
};

constexpr int kStateRows = kChunk;  // of the state in a tile at once

template <class Traits>
__device__ __forceinline__ void fill_state(OutputShared<Traits>& shared, const float* state,
                                           const SsdArguments& s, int first_key) {
  constexpr int kFours = Traits::kV / 4, kAhead = 4;  // on their way together
  const int K = static_cast<int>(s.K), V = static_cast<int>(s.V);
  const bool whole = rows_of_16_bytes(state, s.V * sizeof(float));
  for (int begin = static_cast<int>(threadIdx.x); begin < kStateRows * kFours;
       begin += kAhead * Traits::kThreads) {
    float4 four[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int at = begin + i * Traits::kThreads, c = first_key + at / kFours, d = at % kFours * 4;
      four[i] = load_four(state + c * s.V + d, c < K ? V - d : 0, whole);
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int at = begin + i * Traits::kThreads;
      *reinterpret_cast<uint2*>(&shared.second.at[at / kFours][at % kFours * 4]) = {
          round_to_bf16x2(four[i].x, four[i].y), round_to_bf16x2(four[i].z, four[i].w)};
    }
  }
}

// The masked scores of the warp's 16 queries with the keys up to them, as left factors of the next
// product; later keys have none.
template <class Traits>
__device__ __forceinline__ void scores(Left (&weights)[kChunk / 16],
                                       const Left (&queries)[Traits::kK / 16],
                                       const OutputShared<Traits>& shared) {
  const int row = warp_index() * 16;
  const ChunkDecays& decays = shared.decays;
#pragma unroll
  for (int j = 0; j < kChunk / 16; ++j) {
    if (j > warp_index()) break;
    Sum sums[2];
#pragma unroll
    for (int inner = 0; inner < Traits::kK; inner += 16) {
      Right keys;
      keys.load(shared.second.at, inner, j * 16);
      multiply(sums, queries[inner / 16], keys);
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const int query = row + Sum::row(i % 4), key = j * 16 + i / 4 * 8 + Sum::col(i % 4);
      float& score = sums[i / 4].c[i % 4];
      score = key <= query ? score * decays.dt[key] *
                                 __expf(decays.cumulative[query] - decays.cumulative[key])
                           : 0.0f;
    }
    weights[j].assign(sums[0], sums[1]);
  }
}

template <class Traits>
__device__ __forceinline__ void write_outputs(const Sum (&y)[Traits::kV / 8], const SsdArguments& s,
                                              const Chunk& chunk) {
  bf16* out = s.y + chunk.first * s.ldy + chunk.h * s.V;
#pragma unroll
  for (int tile = 0; tile < Traits::kV / 8; ++tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int t = warp_index() * 16 + Sum::row(i), d = tile * 8 + Sum::col(i);
      if (t < chunk.tokens && d < s.V) store(out + t * s.ldy + d, y[tile].c[i] * s.scale);
    }
  }
}

template <class Traits>
__global__ void __launch_bounds__(Traits::kThreads) ssd_output_kernel(SsdArguments s) {
  auto& shared = shared_memory<OutputShared<Traits>>();
  const Chunk chunk(s);
  const int row = warp_index() * 16, K = static_cast<int>(s.K), V = static_cast<int>(s.V);
  fill_tile<Traits::kThreads>(shared.first, s.q + chunk.first * s.ldq + chunk.key * s.K, s.ldq,
                              chunk.tokens, K);
  fill_tile<Traits::kThreads>(shared.second, s.k + chunk.first * s.ldk + chunk.key * s.K, s.ldk,
                              chunk.tokens, K);
  if (warp_index() == 0) fill_decays(shared.decays, s, chunk);
  __syncthreads();  // queries, keys and decays are whole

  Left queries[Traits::kK / 16], weights[kChunk / 16];
#pragma unroll
  for (int inner = 0; inner < Traits::kK; inner += 16)
    queries[inner / 16].load(shared.first.at, row, inner);
  scores<Traits>(weights, queries, shared);

  Sum y[Traits::kV / 8];
  const float* state = chunk_state(s, chunk.slot, chunk.number);
#pragma unroll
  for (int key = 0; key < Traits::kK; key += kStateRows) {
    __syncthreads();  // nobody reads the second tile any more
    fill_state<Traits>(shared, state, s, key);
    __syncthreads();  // this part of the state is whole
#pragma unroll
    for (int inner = 0; inner < kStateRows; inner += 16) {
#pragma unroll
      for (int col = 0; col < Traits::kV; col += 16) {
        Right part;
        part.load_transposed(shared.second.at, inner, col);
        multiply(&y[col / 8], queries[(key + inner) / 16], part);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float decay = __expf(shared.decays.cumulative[row + Sum::row(i)]);
#pragma unroll
    for (int tile = 0; tile < Traits::kV / 8; ++tile) y[tile].c[i] *= decay;
  }

  // The first tile's queries were read before the barriers above.
  fill_tile<Traits::kThreads>(shared.first, s.v + chunk.first * s.ldv + chunk.h * s.V, s.ldv,
                              chunk.tokens, V);
  __syncthreads();  // the values are whole
#pragma unroll
  for (int j = 0; j < kChunk / 16; ++j) {
    if (j > warp_index()) break;
#pragma unroll
    for (int col = 0; col < Traits::kV; col += 16) {
      Right values;
      values.load_transposed(shared.first.at, j * 16, col);
      multiply(&y[col / 8], weights[j], values);
    }
  }
  write_outputs<Traits>(y, s, chunk);
}

template <class Traits>
void run(cudaStream_t stream, const SsdArguments& s) {
  const auto heads = static_cast<unsigned>(s.heads);
  const dim3 chunks(static_cast<unsigned>(ceil_div(s.tokens, kChunk)), heads);
  const dim3 elements(static_cast<unsigned>(ceil_div(s.K * s.V, kScanThreads)), heads);
  launch(ssd_chunk_state_kernel<Traits>, chunks, dim3(Traits::kThreads), stream, s);
  launch(ssd_scan_kernel, elements, dim3(kScanThreads), stream, s);
  launch(ssd_output_kernel<Traits>, chunks, dim3(Traits::kThreads), stream, s);
}

}  // namespace

size_t ssd_workspace_floats(size_t tokens, size_t heads, size_t K, size_t V) {
  if (K > kMaxTileDim || V > kMaxTileDim) return 0;  // recurrence() wants none
  return heads * ceil_div(tokens, kChunk) * (K * V + 1);
}

void ssd_prefill(cudaStream_t stream, const SsdArguments& s) {
  if (s.K <= 64 && s.V <= 32) return run<SsdTraits<64, 32>>(stream, s);
  if (s.K <= 64 && s.V <= 64) return run<SsdTraits<64, 64>>(stream, s);
  run<SsdTraits<128, 128>>(stream, s);
}

}  // namespace stateline::kernels::cuda
