// Eight neighbouring bf16 at a time, 16 bytes, and what they are in f32.
#pragma once

#include "kernels/cuda/arithmetic.cuh"

namespace stateline::kernels::cuda {

// Eight neighbours of a row as they lie in memory, zeros from `limit` on.
__device__ __forceinline__ uint4 load_eight(const bf16* row, int col, int limit, bool whole) {
  if (whole && col + 8 <= limit) return *reinterpret_cast<const uint4*>(row + col);
  uint32_t word[4] = {0, 0, 0, 0};
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    if (col + i < limit) word[i / 2] |= static_cast<uint32_t>(row[col + i].bits) << i % 2 * 16;
  }
  return {word[0], word[1], word[2], word[3]};
}

__device__ __forceinline__ void put_eight(bf16* place, const uint4& eight) {
  *reinterpret_cast<uint4*>(place) = eight;
}

struct Eight {
  float w[8];
};

__device__ __forceinline__ Eight widen_eight(const uint4& v) {
  return {low_half(v.x), high_half(v.x), low_half(v.y), high_half(v.y),
          low_half(v.z), high_half(v.z), low_half(v.w), high_half(v.w)};
}
__device__ __forceinline__ uint4 narrow_eight(const Eight& e) {
  return {round_to_bf16x2(e.w[0], e.w[1]), round_to_bf16x2(e.w[2], e.w[3]),
          round_to_bf16x2(e.w[4], e.w[5]), round_to_bf16x2(e.w[6], e.w[7])};
}

}  // namespace stateline::kernels::cuda
