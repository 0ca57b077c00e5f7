// Scalars of the kernels: bf16 widened and rounded, and the model's maps in f32.
#pragma once

#include "kernels/cuda/platform.cuh"

namespace stateline::kernels::cuda {

__device__ __forceinline__ float load(const bf16* place) {
  return __uint_as_float(static_cast<uint32_t>(place->bits) << 16);
}
__device__ __forceinline__ float load(const float* place) { return *place; }
__device__ __forceinline__ bf16 round(float value) {
  return {static_cast<uint16_t>(round_to_bf16(value))};
}
__device__ __forceinline__ void store(bf16* place, float value) { *place = round(value); }
__device__ __forceinline__ void store(float* place, float value) { *place = value; }

// The two bf16 of a 32-bit word.
__device__ __forceinline__ float low_half(uint32_t word) { return __uint_as_float(word << 16); }
__device__ __forceinline__ float high_half(uint32_t word) {
  return __uint_as_float(word & 0xffff0000u);
}

__device__ __forceinline__ float sigmoid(float x) { return 1 / (1 + __expf(-x)); }
__device__ __forceinline__ float silu(float x) { return x / (1 + __expf(-x)); }
__device__ __forceinline__ float activate(Activation f, float x) {
  return f == Activation::silu ? silu(x) : sigmoid(x);
}
__device__ __forceinline__ float softplus(float x) {
  return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
}

__host__ __device__ constexpr size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

// Whether rows of bf16 that begin here, `stride` apart, can be read 16 bytes at a time.
__device__ __forceinline__ bool rows_of_16_bytes(const void* begin, size_t stride_bytes) {
  return (reinterpret_cast<uintptr_t>(begin) | stride_bytes) % 16 == 0;
}

}  // namespace stateline::kernels::cuda
