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
  constexpr int kEights = kCols / 8, kCount = kRows * kEights / kThreads;
  static_assert(kRows * kEights % kThreads == 0);
  const int begin = static_cast<int>(threadIdx.x);
  if (!rows_of_16_bytes(source, ld * sizeof(bf16)) || cols % 8 != 0) {  // one value at a time
#pragma unroll 1
    for (int i = begin; i < kRows * kEights; i += kThreads) {
      const int row = i / kEights, col = i % kEights * 8;
      put_eight(&tile.at[row][col],
                load_eight(source + row * ld, col, row < rows ? cols : 0, false));
    }
    return;
  }
  uint4 eight[kCount];  // of a thread, on their way together
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const int at = begin + i * kThreads, row = at / kEights, col = at % kEights * 8;
    eight[i] = {0, 0, 0, 0};
    if (row < rows && col < cols)
      eight[i] = *reinterpret_cast<const uint4*>(source + row * ld + col);
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const int at = begin + i * kThreads;
    put_eight(&tile.at[at / kEights][at % kEights * 8], eight[i]);
  }
}

}  // namespace stateline::kernels::cuda
