// A block has a tile of y; slices of x and W, 32 of the inner dimension wide, go through two
// buffers: while one is multiplied the next slice is on its way to registers.
#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/weight_rows.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kSlice = 32;  // of k

// kTile x kTile of y a block, kRows x kCols of it a warp.
template <int kTileSize, int kWarpRows, int kWarpCols>
struct GemmTraits {
  static constexpr int kTile = kTileSize, kRows = kWarpRows, kCols = kWarpCols;
  static constexpr int kWarpsAcross = kTile / kCols;
  static constexpr int kThreads = kTile / kRows * kWarpsAcross * kWarp;
  // Eights of a slice that a thread brings.
  static constexpr int kEights = kTile * kSlice / 8 / kThreads;
  struct Shared {
    Tile<kTile, kSlice> x[2];
    Tile<kTile, kSlice> W[2];
  };
};
using Small = GemmTraits<64, 32, 32>;
using Large = GemmTraits<128, 64, 64>;

// A slice in registers, between global and shared memory.
template <class Traits, class Rows>
struct Slice {
  uint4 x[Traits::kEights];
  typename Rows::Raw W[Traits::kEights];

  static __device__ __forceinline__ int row(int i) {
    return (static_cast<int>(threadIdx.x) + i * Traits::kThreads) / (kSlice / 8);
  }
  static __device__ __forceinline__ int col() {
    return static_cast<int>(threadIdx.x) % (kSlice / 8) * 8;
  }
  __device__ __forceinline__ void fetch(const LinearArguments& s, size_t first_row,
                                        size_t first_col, size_t inner, bool whole) {
    const int k = static_cast<int>(s.W.k), c = static_cast<int>(inner) + col();
#pragma unroll
    for (int i = 0; i < Traits::kEights; ++i) {
      const size_t t = first_row + row(i), n = first_col + row(i);
      x[i] = t < s.m ? load_eight(s.x + t * s.ldx, c, k, whole) : uint4{0, 0, 0, 0};
      W[i] = n < s.W.n ? Rows::fetch(s.W, n, c) : Rows::none();
    }
  }
  __device__ __forceinline__ void put(typename Traits::Shared& shared, int buffer) const {
#pragma unroll
    for (int i = 0; i < Traits::kEights; ++i) {
      put_eight(&shared.x[buffer].at[row(i)][col()], x[i]);
      put_eight(&shared.W[buffer].at[row(i)][col()], Rows::expand(W[i]));
    }
  }
};

template <class Traits>
using Sums = Sum[Traits::kRows / 16][Traits::kCols / 8];

template <class Traits>
__device__ __forceinline__ void multiply_slice(Sums<Traits>& sums,
                                               const typename Traits::Shared& shared, int buffer,
                                               int row, int col) {
#pragma unroll
  for (int inner = 0; inner < kSlice; inner += 16) {
    Left x[Traits::kRows / 16];
#pragma unroll
    for (int i = 0; i < Traits::kRows / 16; ++i)
      x[i].load(shared.x[buffer].at, row + i * 16, inner);
#pragma unroll
    for (int j = 0; j < Traits::kCols / 16; ++j) {
      Right W;
      W.load(shared.W[buffer].at, inner, col + j * 16);
#pragma unroll
      for (int i = 0; i < Traits::kRows / 16; ++i) multiply(&sums[i][j * 2], x[i], W);
    }
  }
}

template <class Traits, WeightFormat kFormat>
__global__ void __launch_bounds__(Traits::kThreads) gemm_kernel(LinearArguments s) {
  using Rows = WeightRows<kFormat>;
  auto& shared = shared_memory<typename Traits::Shared>();
  const int warp = warp_index();
  const int row = warp / Traits::kWarpsAcross * Traits::kRows;
  const int col = warp % Traits::kWarpsAcross * Traits::kCols;
  const size_t first_row = blockIdx.y * size_t{Traits::kTile};
  const size_t first_col = blockIdx.x * size_t{Traits::kTile};
  const bool whole = rows_of_16_bytes(s.x, s.ldx * sizeof(bf16));

  Sums<Traits> sums;
  Slice<Traits, Rows> slice;
  slice.fetch(s, first_row, first_col, 0, whole);
  slice.put(shared, 0);
  int buffer = 0;
  for (size_t inner = kSlice; inner < padded_cols(s.W.k); inner += kSlice) {
    slice.fetch(s, first_row, first_col, inner, whole);
    // This buffer is whole, and nobody reads the other one any more.
    __syncthreads();
    multiply_slice<Traits>(sums, shared, buffer, row, col);
    buffer ^= 1;
    slice.put(shared, buffer);
  }
  __syncthreads();  // the last slice is whole
  multiply_slice<Traits>(sums, shared, buffer, row, col);

#pragma unroll
  for (int i = 0; i < Traits::kRows / 16; ++i) {
#pragma unroll
    for (int j = 0; j < Traits::kCols / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const size_t t = first_row + row + i * 16 + Sum::row(e);
        const size_t n = first_col + col + j * 8 + Sum::col(e);
        if (t < s.m && n < s.W.n) put_result<Rows>(s, t, n, sums[i][j].c[e]);
      }
    }
  }
}

template <class Traits>
void run(cudaStream_t stream, const LinearArguments& s) {
  const dim3 grid(static_cast<unsigned>(ceil_div(s.W.n, Traits::kTile)),
                  static_cast<unsigned>(ceil_div(s.m, Traits::kTile)));
  const dim3 block(Traits::kThreads);
  switch (s.W.format) {
    case WeightFormat::bf16:
      return launch(gemm_kernel<Traits, WeightFormat::bf16>, grid, block, stream, s);
    case WeightFormat::int8:
      return launch(gemm_kernel<Traits, WeightFormat::int8>, grid, block, stream, s);
    case WeightFormat::int4:
      return launch(gemm_kernel<Traits, WeightFormat::int4>, grid, block, stream, s);
  }
}

// Fewer large tiles than this leave processors of a large GPU idle (an A100 has 108).
constexpr size_t kManyTiles = 108;

}  // namespace

void gemm(cudaStream_t stream, const LinearArguments& s, int tile) {
  const size_t large_tiles = ceil_div(s.W.n, Large::kTile) * ceil_div(s.m, Large::kTile);
  if (tile == 0) tile = large_tiles >= kManyTiles ? Large::kTile : Small::kTile;
  tile == Large::kTile ? run<Large>(stream, s) : run<Small>(stream, s);
}

}  // namespace stateline::kernels::cuda
