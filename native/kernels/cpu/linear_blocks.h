// The kQ8_0 and kQ4_0 roads of `linear`: tokens quantised per block of 32, exact int32 dot products
// a block, their scaled sums in f32. A row's sums are one chain of multiply-adds over the blocks,
// whatever the tile.
#pragma once

#include <cstring>

#include "kernels/cpu/block_dot.h"
#include "kernels/cpu/linear_output.h"
#include "kernels/cpu/row_tiles.h"

namespace stateline::kernels::STATELINE_LEVEL {

// A tile of R tokens, block after block: their steps, f32 [R]; what their sums begin with, int32
// [R]; their values [8][R][4].
constexpr size_t kTokenBlockBytes = sizeof(float) + sizeof(int32_t) + kBlockValues;

template <class Weights>
class BlockProduct {
  static constexpr double kPackNs = 0.3;  // per element; only the decision to split depends on it
  static constexpr size_t kParts = kPanelRows / kLanes;

 public:
  static constexpr size_t kPanels = kBlockPanels;
  static constexpr size_t kDecodePanels = 2;

  BlockProduct(ThreadPool& pool, const PackedMatrix& W, const float* x, size_t m, size_t ldx,
               const Output& y)
      : W_(W), blocks_(W.blocks()), m_(m), y_(y) {
    const size_t tiles = (m + kBlockRows - 1) / kBlockRows;
    tile_rows_ = (m + tiles - 1) / tiles;  // tiles of nearly the same height
    const size_t row_bytes = blocks_ * kTokenBlockBytes;
    std::byte* packed = pool.scratch(m * row_bytes);
    pool.run(tiles, static_cast<double>(m * W.cols()) * kPackNs, [&](size_t tile) {
      const size_t t = tile * tile_rows_;
      if (t >= m) return;
      const size_t rows = smaller(tile_rows_, m - t);
      for (size_t r = 0; r < rows; ++r)
        quantise_row(x + (t + r) * ldx, packed + t * row_bytes, r, rows);
    });
    x_ = packed;
  }

  void panels(size_t begin, size_t end) const {
    constexpr size_t kWide = kPanels;
    size_t p = begin;
    if (m_ == 1) {
      for (; p + kDecodePanels <= end; p += kDecodePanels) tile<1, kDecodePanels>(0, p);
    } else {
      for (; p + kWide <= end; p += kWide) all_rows<kWide>(p);
    }
    for (; p < end; ++p) all_rows<1>(p);
  }

 private:
  // Token r of a tile of `rows`.
  void quantise_row(const float* x, std::byte* tile, size_t r, size_t rows) const {
    size_t col = 0;
    for (; col + kBlockValues <= W_.cols(); col += kBlockValues, tile += rows * kTokenBlockBytes)
      quantise_block(x + col, tile, r, rows);
    if (col == W_.cols()) return;
    float last[kBlockValues] = {};
    std::memcpy(last, x + col, (W_.cols() - col) * sizeof(float));
    quantise_block(last, tile, r, rows);
  }

  static STATELINE_INLINE void quantise_block(const float* x, std::byte* block, size_t r,
                                              size_t rows) {
    Vec top = splat(0);
    STATELINE_UNROLL
    for (size_t i = 0; i < kBlockValues; i += kLanes) top = max(abs(load(x + i)), top);
    const float absmax = max_of(top);
    const Vec inverse = splat(absmax >= 1e-30f ? 127.0f / absmax : 0.0f);
    int8_t values[kBlockValues];
    Vec total = splat(0);
    STATELINE_UNROLL
    for (size_t i = 0; i < kBlockValues; i += kLanes) {
      const Vec steps = load(x + i) * inverse;
      store_int8(values + i, steps);
      total = total + round(steps);
    }
    const float scale = absmax / 127.0f;
    const int32_t start = -Weights::kOffset * static_cast<int32_t>(sum(total));
    std::memcpy(block + r * sizeof(scale), &scale, sizeof(scale));
    std::memcpy(block + (rows + r) * sizeof(start), &start, sizeof(start));
    std::byte* out = block + (2 * rows + r) * 4;
    STATELINE_UNROLL
    for (size_t g = 0; g < kGroups; ++g) std::memcpy(out + g * rows * 4, values + g * 4, 4);
  }

  template <size_t P>
  void all_rows(size_t panel) const {
    for (size_t t = 0; t < m_; t += tile_rows_) {
      with_rows<kBlockRows>(smaller(tile_rows_, m_ - t),
                            [&](auto count) { tile<decltype(count)::value, P>(t, panel); });
    }
  }

  template <size_t R, size_t P>
  STATELINE_INLINE void tile(size_t t, size_t panel) const {
    Vec sums[R][P * kParts];
    STATELINE_UNROLL
    for (size_t r = 0; r < R; ++r) {
      STATELINE_UNROLL
      for (size_t j = 0; j < P * kParts; ++j) sums[r][j] = splat(0);
    }
    const std::byte* x = x_ + t * blocks_ * kTokenBlockBytes;
    const std::byte* scales = W_.panel(panel);
    const std::byte* w = scales + W_.scales_bytes();
    const size_t stride = W_.panel_bytes();
    // Several tokens, or halves to be taken apart, keep the processor too busy to run ahead of its
    // own reading; one token and whole bytes do not, and are slower with what helps the others.
    constexpr bool kBusy = R > 1 || Weights::kBlockBytes < kQ8Bytes;
    for (size_t b = 0; b < blocks_; ++b) {
      if (kBusy && t == 0) prefetch_block<P>(w + P * stride, stride);
      add_block<R, P>(sums, x, w, scales, stride);
      x += R * kTokenBlockBytes;
      w += Weights::kBlockBytes;
      scales += kPanelRows * sizeof(uint16_t);
    }
    STATELINE_UNROLL
    for (size_t r = 0; r < R; ++r) {
      STATELINE_UNROLL
      for (size_t j = 0; j < P * kParts; ++j)
        y_.put(t + r, panel * kPanelRows + j * kLanes, sums[r][j]);
    }
  }

  template <size_t P>
  static STATELINE_INLINE void prefetch_block(const std::byte* w, size_t stride) {
    STATELINE_UNROLL
    for (size_t p = 0; p < P; ++p) {
      STATELINE_UNROLL
      for (size_t line = 0; line < Weights::kBlockBytes; line += 64)
        prefetch(reinterpret_cast<const int8_t*>(w + p * stride + line));
    }
  }

  template <size_t R, size_t P>
  static STATELINE_INLINE void add_block(Vec (&sums)[R][P * kParts], const std::byte* x,
                                         const std::byte* w, const std::byte* scales,
                                         size_t stride) {
    const auto* steps = reinterpret_cast<const float*>(x);
    const auto* starts = reinterpret_cast<const int32_t*>(x) + R;
    const auto* values = reinterpret_cast<const int8_t*>(x) + 8 * R;
    typename Weights::Sum dots[R][P * kParts];
    STATELINE_UNROLL
    for (size_t r = 0; r < R; ++r) {
      STATELINE_UNROLL
      for (size_t j = 0; j < P * kParts; ++j) dots[r][j] = Weights::begin(starts[r]);
    }
    STATELINE_UNROLL
    for (size_t g = 0; g < kGroups; ++g) {
      typename Weights::Weights four[P * kParts];
      STATELINE_UNROLL
      for (size_t j = 0; j < P * kParts; ++j) {
        const std::byte* block = w + j / kParts * stride;
        four[j] = Weights::weights(reinterpret_cast<const uint8_t*>(block), g, j % kParts);
      }
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) {
        STATELINE_UNROLL
        for (size_t j = 0; j < P * kParts; ++j)
          dots[r][j] = Weights::add(dots[r][j], four[j], values + (g * R + r) * 4);
      }
    }
    STATELINE_UNROLL
    for (size_t j = 0; j < P * kParts; ++j) {
      const auto* halves = reinterpret_cast<const uint16_t*>(scales + j / kParts * stride);
      const Vec scale = load_f16(halves + j % kParts * kLanes);
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) {
        const Vec step = splat(steps[r]) * scale;
        sums[r][j] = mul_add(Weights::total(dots[r][j]), step, sums[r][j]);
      }
    }
  }

  const PackedMatrix& W_;
  const std::byte* x_;  // [tiles][blocks]
  size_t blocks_;       // along k
  size_t m_;
  size_t tile_rows_;
  Output y_;
};

}  // namespace stateline::kernels::STATELINE_LEVEL
