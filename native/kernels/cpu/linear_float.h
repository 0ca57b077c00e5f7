// The f32 and bf16 roads of `linear`: register tiles of some token rows by some panels.
// The tokens of a tile are interleaved first ([k][rows]), so that the inner loop reads two streams
// only. Every output is one chain of multiply-adds in the order of k, whatever the tile: a row's
// result does not depend on how many rows came with it.
#pragma once

#include <cstring>

#include "kernels/cpu/linear_output.h"
#include "kernels/cpu/row_tiles.h"
#include "kernels/cpu/simd.h"
#include "kernels/linear.h"

namespace stateline::kernels::STATELINE_LEVEL {

constexpr size_t kPanelVecs = kPanelRows / kLanes;

struct F32Weights {
  static constexpr size_t kStep = 1;  // columns per load
  static constexpr size_t kBytes = 4;
  static STATELINE_INLINE void load_at(const std::byte* panel, size_t k, size_t vec, Vec* columns) {
    columns[0] = load(reinterpret_cast<const float*>(panel) + k * kPanelRows + vec * kLanes);
  }
};

struct Bf16Weights {
  static constexpr size_t kStep = 2;
  static constexpr size_t kBytes = 2;
  static STATELINE_INLINE void load_at(const std::byte* panel, size_t k, size_t vec, Vec* columns) {
    const auto* pairs =
        reinterpret_cast<const uint16_t*>(panel) + k * kPanelRows + vec * kLanes * 2;
    const VecPair wide = widen_bf16(pairs);
    columns[0] = wide.even;
    columns[1] = wide.odd;
  }
};

template <class Weights>
class FloatProduct {
  static constexpr double kPackNs = 0.3;  // per element; only the decision to split depends on it

 public:
  // Rows by panels of the largest tile: its sums, weights and one broadcast just fit the registers.
  static constexpr size_t kRows = kLanes == 16 ? 12 : kLanes == 8 ? 6 : kFused ? 6 : 2;
  static constexpr size_t kPanels = kLanes == 16 ? 2 : 1;
  static constexpr size_t kDecodePanels = kLanes >= 8 ? 4 : 2;  // enough chains to hide the latency

  FloatProduct(ThreadPool& pool, const PackedMatrix& W, const float* x, size_t m, size_t ldx,
               const Output& y)
      : W_(W), m_(m), y_(y), k_(round_up(W.cols(), Weights::kStep)) {
    if (m == 1 && k_ == W.cols()) {
      x_ = x;
      return;
    }
    auto* packed = reinterpret_cast<float*>(pool.scratch(m * k_ * sizeof(float)));
    const size_t tiles = (m + kRows - 1) / kRows;
    pool.run(tiles, static_cast<double>(m * k_) * kPackNs, [&](size_t tile) {
      const size_t t = tile * kRows;
      interleave(x + t * ldx, ldx, smaller(kRows, m - t), packed + t * k_);
    });
    x_ = packed;
  }

  void panels(size_t begin, size_t end) const {
    constexpr size_t kWide = kPanels > 1 ? kPanels : 1;
    size_t p = begin;
    if (m_ == 1) {
      for (; p + kDecodePanels <= end; p += kDecodePanels) tile<1, kDecodePanels>(0, p);
    } else {
      for (; p + kWide <= end; p += kWide) all_rows<kWide>(p);
    }
    for (; p < end; ++p) all_rows<1>(p);
  }

 private:
  void interleave(const float* x, size_t ldx, size_t rows, float* packed) const {
    for (size_t r = 0; r < rows; ++r) {
      for (size_t i = 0; i < W_.cols(); ++i) packed[i * rows + r] = x[r * ldx + i];
      for (size_t i = W_.cols(); i < k_; ++i) packed[i * rows + r] = 0;
    }
  }

  template <size_t P>
  void all_rows(size_t panel) const {
    for_row_tiles<kRows>(m_, [&](size_t t, size_t rows) {
      with_rows<kRows>(rows, [&](auto count) { tile<decltype(count)::value, P>(t, panel); });
    });
  }

  template <size_t R, size_t P>
  STATELINE_INLINE void tile(size_t t, size_t panel) const {
    constexpr size_t kVecs = P * kPanelVecs;
    Vec sums[R][kVecs];
    STATELINE_UNROLL
    for (size_t r = 0; r < R; ++r) {
      STATELINE_UNROLL
      for (size_t j = 0; j < kVecs; ++j) sums[r][j] = splat(0);
    }
    const float* x = x_ + t * k_;
    const std::byte* w = W_.panel(panel);
    const size_t stride = W_.panel_bytes();
    for (size_t k = 0; k < k_; k += Weights::kStep) step<R, P>(sums, x + k * R, w, stride, k);
    STATELINE_UNROLL
    for (size_t r = 0; r < R; ++r) {
      STATELINE_UNROLL
      for (size_t j = 0; j < kVecs; ++j) y_.put(t + r, panel * kPanelRows + j * kLanes, sums[r][j]);
    }
  }

  template <size_t R, size_t P>
  static STATELINE_INLINE void step(Vec (&sums)[R][P * kPanelVecs], const float* x,
                                    const std::byte* w, size_t stride, size_t k) {
    Vec columns[P * kPanelVecs][Weights::kStep];
    STATELINE_UNROLL
    for (size_t j = 0; j < P * kPanelVecs; ++j) {
      Weights::load_at(w + j / kPanelVecs * stride, k, j % kPanelVecs, columns[j]);
    }
    STATELINE_UNROLL
    for (size_t s = 0; s < Weights::kStep; ++s) {
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) {
        const Vec value = splat(x[s * R + r]);
        STATELINE_UNROLL
        for (size_t j = 0; j < P * kPanelVecs; ++j)
          sums[r][j] = mul_add(value, columns[j][s], sums[r][j]);
      }
    }
  }

  const PackedMatrix& W_;
  const float* x_;  // [tiles][k][rows of the tile]
  size_t m_;
  Output y_;
  size_t k_;
};

}  // namespace stateline::kernels::STATELINE_LEVEL
