// A row of W with a vector, by a warp: 32 lanes read eight weights each, side by side, so the
// memory sees one long run. Several eights are asked for before the first is multiplied; x comes
// from the caches.
#pragma once

#include "kernels/cuda/warp.cuh"
#include "kernels/cuda/weight_rows.cuh"

namespace stateline::kernels::cuda {

// Every lane gets the sum, without the row's scale.
template <class Rows>
__device__ __forceinline__ float row_dot_unscaled(const WeightMatrix& W, size_t row,
                                                  const bf16* x) {
  constexpr int kStep = kWarp * 8;  // columns of a warp at once
  constexpr int kAhead = 4;         // eights of a lane that are on their way together
  const int k = static_cast<int>(W.k);
  const bool whole = rows_of_16_bytes(x, 0);
  float sum = 0;
  for (int begin = lane_index() * 8; begin < k; begin += kAhead * kStep) {
    typename Rows::Raw raw[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int col = begin + i * kStep;
      raw[i] = col < k ? Rows::fetch(W, row, col) : Rows::none();
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const Eight w = Rows::factors(raw[i]),
                  values = widen_eight(load_eight(x, begin + i * kStep, k, whole));
      float part = 0;
#pragma unroll
      for (int j = 0; j < 8; ++j) part += w.w[j] * values.w[j];
      sum += part * Rows::unit(raw[i]);
    }
  }
  return warp_sum(sum);
}

// Of a matrix whose format is known when the kernel runs.
__device__ __forceinline__ float row_dot(const WeightMatrix& W, size_t row, const bf16* x) {
  const auto scaled = [&]<class Rows>(Rows) {
    return row_dot_unscaled<Rows>(W, row, x) * Rows::row_scale(W, row);
  };
  switch (W.format) {
    case WeightFormat::bf16:
      return scaled(WeightRows<WeightFormat::bf16>{});
    case WeightFormat::int8:
      return scaled(WeightRows<WeightFormat::int8>{});
    case WeightFormat::int4:
      return scaled(WeightRows<WeightFormat::int4>{});
  }
  return 0;
}

}  // namespace stateline::kernels::cuda
