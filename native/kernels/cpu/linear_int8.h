// The int8 road of `linear`: tokens quantised per row, exact int32 dot products, scaled back.
#pragma once

#include <cstring>

#include "kernels/cpu/int8_dot.h"
#include "kernels/cpu/linear_output.h"
#include "kernels/cpu/row_tiles.h"
#include "kernels/cpu/simd.h"
#include "kernels/linear.h"

namespace stateline::kernels::STATELINE_LEVEL {

class Int8Product {
  static constexpr double kPackNs = 0.5;  // per element; only the decision to split depends on it

 public:
  static constexpr size_t kRows = kDotRows;
  static constexpr size_t kPanels = kDotPanels;
  static constexpr size_t kDecodePanels = kLanes >= 8 ? 4 : 2;

  Int8Product(ThreadPool& pool, const PackedMatrix& W, const float* x, size_t m, size_t ldx,
              const Output& y)
      : W_(W),
        w_(reinterpret_cast<const int8_t*>(W.panel(0))),
        panel_bytes_(W.panel_bytes()),
        m_(m),
        y_(y),
        k_(W.padded_cols()) {
    std::byte* scratch = pool.scratch(m * (sizeof(float) + k_));
    auto* scale = reinterpret_cast<float*>(scratch);
    auto* packed = reinterpret_cast<int8_t*>(scale + m);
    const size_t tiles = (m + kRows - 1) / kRows;
    pool.run(tiles, static_cast<double>(m * k_) * kPackNs, [&](size_t tile) {
      const size_t t = tile * kRows, rows = smaller(kRows, m - t);
      for (size_t r = 0; r < rows; ++r) {
        scale[t + r] = quantise(x + (t + r) * ldx, packed + t * k_ + r * 4, rows * 4);
      }
    });
    scale_ = scale;
    x_ = packed;
  }

  void panels(size_t begin, size_t end) const {
    size_t p = begin;
    if (m_ == 1) {
      for (; p + kDecodePanels <= end; p += kDecodePanels) tile<1, kDecodePanels>(0, p);
    } else {
      for (; p + kPanels <= end; p += kPanels) all_rows<kPanels>(p);
    }
    for (; p < end; ++p) all_rows<1>(p);
  }

 private:
  // Writes groups of four columns `stride` bytes apart; returns absmax / 127.
  float quantise(const float* x, int8_t* out, size_t stride) const {
    const size_t k = W_.cols();
    Vec top = splat(0);
    for_vectors(k, [&](size_t i, size_t n) { top = max(abs(load_up_to(x + i, n)), top); });
    const float absmax = max_of(top);
    const Vec inverse = splat(absmax > 0 ? 127.0f / absmax : 0.0f);
    for_vectors(k, [&](size_t i, size_t n) {
      int8_t bytes[kLanes];
      store_int8(bytes, load_up_to(x + i, n) * inverse);
      for (size_t group = 0; group < n; group += 4) {
        uint32_t four;
        std::memcpy(&four, bytes + group, 4);
        four ^= kDotFlip * 0x01010101u;
        std::memcpy(out + (i + group) / 4 * stride, &four, 4);
      }
    });
    return absmax / 127.0f;
  }

  template <size_t P>
  void all_rows(size_t panel) const {
    for_row_tiles<kRows>(m_, [&](size_t t, size_t rows) {
      with_rows<kRows>(rows, [&](auto count) { tile<decltype(count)::value, P>(t, panel); });
    });
  }

  template <size_t R, size_t P>
  STATELINE_INLINE void tile(size_t t, size_t panel) const {
    Dot sums[R][P * kDotParts];
    STATELINE_UNROLL
    for (size_t j = 0; j < P * kDotParts; ++j) {
      const Dot start = dot_start(W_.row_sum() + panel * kPanelRows + j * kDotBytes / 4);
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) sums[r][j] = start;
    }
    const int8_t* x = x_ + t * k_;
    const int8_t* w = w_ + panel * panel_bytes_;
    for (size_t k = 0; k < k_; k += 4) {
      // The next panels. One of 256 columns is a page, where the processor's own prefetching ends:
      // few rows would wait at each panel's beginning.
      if (t == 0) {
        STATELINE_UNROLL
        for (size_t p = 0; p < P; ++p) prefetch(w + (P + p) * panel_bytes_ + k * kPanelRows);
      }
      DotWeights weights[P * kDotParts];
      STATELINE_UNROLL
      for (size_t j = 0; j < P * kDotParts; ++j) {
        weights[j] = dot_weights(w + j / kDotParts * panel_bytes_ + k * kPanelRows +
                                 j % kDotParts * kDotBytes);
      }
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) {
        STATELINE_UNROLL
        for (size_t j = 0; j < P * kDotParts; ++j)
          sums[r][j] = dot(sums[r][j], weights[j], x + (k * R + r * 4));
      }
    }
    STATELINE_UNROLL
    for (size_t r = 0; r < R; ++r) {
      STATELINE_UNROLL
      for (size_t p = 0; p < P; ++p) put(t + r, panel + p, sums[r] + p * kDotParts);
    }
  }

  // One panel's sixteen outputs of one token.
  STATELINE_INLINE void put(size_t row, size_t panel, const Dot* parts) const {
    int32_t sums[kPanelRows];
    STATELINE_UNROLL
    for (size_t j = 0; j < kDotParts; ++j) dot_store(parts[j], sums + j * kDotBytes / 4);
    const size_t n = panel * kPanelRows;
    STATELINE_UNROLL
    for (size_t i = 0; i < kPanelRows; i += kLanes) {
      y_.put(row, n + i, from_int32(sums + i) * splat(scale_[row]) * load(W_.scale() + n + i));
    }
  }

  const PackedMatrix& W_;
  const int8_t* w_;  // its panels
  size_t panel_bytes_;
  const float* scale_;  // [m] absmax / 127
  const int8_t* x_;     // [tiles][k/4][rows of the tile][4]
  size_t m_;
  Output y_;
  size_t k_;
};

}  // namespace stateline::kernels::STATELINE_LEVEL
