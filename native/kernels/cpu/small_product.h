// Products of small matrices that lie in a level-1 or level-2 cache: the inside of ssd and
// attention.
#pragma once

#include <cstring>

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

// tile += A^T B of A [k, R], row strides lda and ldb.
template <size_t R>
STATELINE_INLINE void multiply_transposed(Tile<R>& tile, const float* A, size_t lda, const float* B,
                                          size_t ldb, size_t k) {
  for (size_t i = 0; i < k; ++i) multiply<R>(tile, A + i * lda, 1, B + i * ldb, ldb, 1);
}

// multiply for one row or two, with four chains of sums per vector or two: a single one would wait
// for each multiply-add.
template <size_t R>
STATELINE_INLINE void multiply_few(Tile<R>& tile, const float* A, size_t lda, const float* B,
                                   size_t ldb, size_t k) {
  constexpr size_t kChains = 4 / R;
  Tile<R> chains[kChains];
  STATELINE_UNROLL
  for (size_t c = 0; c < kChains; ++c) chains[c] = zero_tile<R>();
  size_t i = 0;
  for (; i + kChains <= k; i += kChains) {
    STATELINE_UNROLL
    for (size_t c = 0; c < kChains; ++c)
      multiply<R>(chains[c], A + i + c, lda, B + (i + c) * ldb, ldb, 1);
  }
  multiply<R>(tile, A + i, lda, B + i * ldb, ldb, k - i);
  STATELINE_UNROLL
  for (size_t r = 0; r < R; ++r) {
    STATELINE_UNROLL
    for (size_t j = 0; j < kTileVecs; ++j) {
      Vec sums = chains[0].sums[r][j] + chains[1].sums[r][j];
      if constexpr (kChains == 4) sums = sums + (chains[2].sums[r][j] + chains[3].sums[r][j]);
      tile.sums[r][j] = tile.sums[r][j] + sums;
    }
  }
}

template <size_t R>
STATELINE_INLINE void product(Tile<R>& tile, const float* A, size_t lda, const float* B, size_t ldb,
                              size_t k) {
  if constexpr (R <= 2) {
    multiply_few<R>(tile, A, lda, B, ldb, k);
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

// The first `columns` of the tile's.
template <size_t R>
STATELINE_INLINE void store_columns(const Tile<R>& tile, float* C, size_t ldc, size_t columns) {
  if (columns >= kTileCols) return store_tile(tile, C, ldc);
  alignas(64) float row[kTileCols];
  for (size_t r = 0; r < R; ++r) {
    for (size_t j = 0; j < kTileVecs; ++j) store(row + j * kLanes, tile.sums[r][j]);
    std::memcpy(C + r * ldc, row, columns * sizeof(float));
  }
}

// Columns d ... d + kTileCols of B [rows, columns] as a product may read them: in place, or copied
// into `room` [rows, kTileCols] with zeros where B has no more.
struct Panel {
  const float* data;
  size_t ld;
};
STATELINE_INLINE Panel panel(const float* B, size_t rows, size_t columns, size_t ldb, size_t d,
                             float* room) {
  if (d + kTileCols <= columns) return {B + d, ldb};
  std::memset(room, 0, rows * kTileCols * sizeof(float));
  for (size_t i = 0; i < rows; ++i)
    std::memcpy(room + i * kTileCols, B + i * ldb + d, (columns - d) * sizeof(float));
  return {room, kTileCols};
}

// Calls body<R>(row) for tiles of R rows, the last ones of a half, a quarter, ... as many.
template <size_t R = kTileRows, class Body>
STATELINE_INLINE void for_row_tiles(size_t rows, const Body& body, size_t row = 0) {
  for (; row + R <= rows; row += R) body.template operator()<R>(row);
  if constexpr (R > 1) for_row_tiles<R / 2>(rows, body, row);
}

template <size_t R>
STATELINE_INLINE void scale_row(Tile<R>& tile, size_t r, Vec factor) {
  STATELINE_UNROLL
  for (size_t j = 0; j < kTileVecs; ++j) tile.sums[r][j] = tile.sums[r][j] * factor;
}

}  // namespace stateline::kernels::STATELINE_LEVEL
