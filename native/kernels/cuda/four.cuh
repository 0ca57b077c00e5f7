// Four neighbouring f32 at a time: 16 bytes in one load where they are aligned.
#pragma once

#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {

__device__ __forceinline__ float4 operator+(const float4& a, const float4& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
}
__device__ __forceinline__ float4 operator*(float a, const float4& b) {
  return {a * b.x, a * b.y, a * b.z, a * b.w};
}
// Those of the lane whose number differs in `bits`.
__device__ __forceinline__ float4 shuffle_xor(const float4& four, int bits) {
  return {__shfl_xor_sync(kAllLanes, four.x, bits), __shfl_xor_sync(kAllLanes, four.y, bits),
          __shfl_xor_sync(kAllLanes, four.z, bits), __shfl_xor_sync(kAllLanes, four.w, bits)};
}

// The first `count` from `place` on, and zeros; `whole` where `place` is a multiple of 16 bytes.
__device__ __forceinline__ float4 load_four(const float* place, int count, bool whole) {
  if (whole && count >= 4) return *reinterpret_cast<const float4*>(place);
  return {count > 0 ? place[0] : 0, count > 1 ? place[1] : 0, count > 2 ? place[2] : 0,
          count > 3 ? place[3] : 0};
}

__device__ __forceinline__ void store_four(float* place, const float4& four, int count,
                                           bool whole) {
  if (whole && count >= 4) {
    *reinterpret_cast<float4*>(place) = four;
    return;
  }
  if (count > 0) place[0] = four.x;
  if (count > 1) place[1] = four.y;
  if (count > 2) place[2] = four.z;
  if (count > 3) place[3] = four.w;
}

}  // namespace stateline::kernels::cuda
