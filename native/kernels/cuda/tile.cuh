// Tiles of bf16 in shared memory, filled by the whole block; what lies outside the matrix is zero.
#pragma once

#include "kernels/cuda/eight.cuh"
#include "kernels/cuda/fragment.cuh"

namespace stateline::kernels::cuda {

template <int kRows, int kCols>
struct Tile {
  static constexpr int kStride = kCols + kRowPad;
  alignas(16) bf16 at[kRows][kStride];
};

// tile[r][c] = source[r * ld + c] for r < rows and c < cols, else 0. The caller's barrier makes it
// whole.
template <int kThreads, int kRows, int kCols>
__device__ __forceinline__ void fill_tile(Tile<kRows, kCols>& tile, const bf16* source, size_t ld,
                                          int rows, int cols) {
  const bool whole = rows_of_16_bytes(source, ld * sizeof(bf16));
  constexpr int kEights = kCols / 8;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kEights; i += kThreads) {
    const int row = i / kEights, col = i % kEights * 8;
    put_eight(&tile.at[row][col],
              row < rows ? load_eight(source + row * ld, col, cols, whole) : uint4{0, 0, 0, 0});
  }
}

}  // namespace stateline::kernels::cuda
