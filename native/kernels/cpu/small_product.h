// Products of small matrices that lie in a level-1 or level-2 cache: the inside of ssd and
// attention.
#pragma once

#include "kernels/cpu/simd.h"

namespace stateline::kernels::STATELINE_LEVEL {

// A tile is kTileRows rows by kTileVecs vectors of sums, held in registers.
constexpr size_t kTileRows = kLanes == 16 ? 8 : 4;
constexpr size_t kTileVecs = 2;
constexpr size_t kTileCols = kTileVecs * kLanes;

template <size_t R>
struct Tile {
  Vec sums[R][kTileVecs];
};

template <size_t R>
STATELINE_INLINE Tile<R> zero_tile() {
  Tile<R> tile;
  STATELINE_UNROLL
  for (size_t r = 0; r < R; ++r) {
    STATELINE_UNROLL
    for (size_t j = 0; j < kTileVecs; ++j) tile.sums[r][j] = splat(0);
  }
  return tile;
}

// tile += A[R, k] B[k, kTileVecs * kLanes], row strides lda and ldb.
template <size_t R>
STATELINE_INLINE void multiply(Tile<R>& tile, const float* A, size_t lda, const float* B,
                               size_t ldb, size_t k) {
  for (size_t i = 0; i < k; ++i) {
    Vec b[kTileVecs];
    STATELINE_UNROLL
    for (size_t j = 0; j < kTileVecs; ++j) b[j] = load(B + i * ldb + j * kLanes);
    STATELINE_UNROLL
    for (size_t r = 0; r < R; ++r) {
      const Vec a = splat(A[r * lda + i]);
      STATELINE_UNROLL
      for (size_t j = 0; j < kTileVecs; ++j) tile.sums[r][j] = mul_add(a, b[j], tile.sums[r][j]);
    }
  }
}

// The same for one row, with four chains per vector: a single one would wait for each multiply-add.
STATELINE_INLINE void multiply_row(Tile<1>& tile, const float* A, const float* B, size_t ldb,
                                   size_t k) {
  constexpr size_t kChains = 4;
  Tile<kChains> chains = zero_tile<kChains>();
  size_t i = 0;
  for (; i + kChains <= k; i += kChains) {
    STATELINE_UNROLL
    for (size_t c = 0; c < kChains; ++c) {
      const Vec a = splat(A[i + c]);
      STATELINE_UNROLL
      for (size_t j = 0; j < kTileVecs; ++j) {
        chains.sums[c][j] = mul_add(a, load(B + (i + c) * ldb + j * kLanes), chains.sums[c][j]);
      }
    }
  }
  multiply<1>(tile, A + i, 0, B + i * ldb, ldb, k - i);
  STATELINE_UNROLL
  for (size_t j = 0; j < kTileVecs; ++j) {
    const Vec low = chains.sums[0][j] + chains.sums[1][j],
              high = chains.sums[2][j] + chains.sums[3][j];
    tile.sums[0][j] = tile.sums[0][j] + (low + high);
  }
}

template <size_t R>
STATELINE_INLINE void product(Tile<R>& tile, const float* A, size_t lda, const float* B, size_t ldb,
                              size_t k) {
  if constexpr (R == 1) {
    multiply_row(tile, A, B, ldb, k);
  } else {
    multiply<R>(tile, A, lda, B, ldb, k);
  }
}

template <size_t R>
STATELINE_INLINE void load_tile(Tile<R>& tile, const float* C, size_t ldc) {
  STATELINE_UNROLL
  for (size_t r = 0; r < R; ++r) {
    STATELINE_UNROLL
    for (size_t j = 0; j < kTileVecs; ++j) tile.sums[r][j] = load(C + r * ldc + j * kLanes);
  }
}

template <size_t R>
STATELINE_INLINE void store_tile(const Tile<R>& tile, float* C, size_t ldc) {
  STATELINE_UNROLL
  for (size_t r = 0; r < R; ++r) {
    STATELINE_UNROLL
    for (size_t j = 0; j < kTileVecs; ++j) store(C + r * ldc + j * kLanes, tile.sums[r][j]);
  }
}

template <size_t R>
STATELINE_INLINE void scale_row(Tile<R>& tile, size_t r, Vec factor) {
  STATELINE_UNROLL
  for (size_t j = 0; j < kTileVecs; ++j) tile.sums[r][j] = tile.sums[r][j] * factor;
}

}  // namespace stateline::kernels::STATELINE_LEVEL
