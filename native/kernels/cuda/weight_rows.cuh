// Reading eight neighbours of a weight row in each format: `fetch` starts the load, `expand` makes
// eight bf16 of it for the tensor cores, `factors` eight f32 for a plain dot product.
#pragma once

#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/linear.cuh"

namespace stateline::kernels::cuda {

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

template <WeightFormat kFormat>
struct WeightRows;

template <>
struct WeightRows<WeightFormat::bf16> {
  using Raw = uint4;
  static __device__ __forceinline__ Raw fetch(const WeightMatrix& W, size_t row, size_t col) {
    const auto* values = static_cast<const bf16*>(W.values) + row * padded_cols(W.k) + col;
    return *reinterpret_cast<const uint4*>(values);
  }
  static __device__ __forceinline__ Raw none() { return {0, 0, 0, 0}; }
  static __device__ __forceinline__ Eight factors(const Raw& raw) { return widen_eight(raw); }
  static __device__ __forceinline__ uint4 expand(const Raw& raw) { return raw; }
  static __device__ __forceinline__ float row_scale(const WeightMatrix&, size_t) { return 1; }
};

template <>
struct WeightRows<WeightFormat::int8> {
  using Raw = uint2;
  static __device__ __forceinline__ Raw fetch(const WeightMatrix& W, size_t row, size_t col) {
    const auto* values = static_cast<const int8_t*>(W.values) + row * padded_cols(W.k) + col;
    return *reinterpret_cast<const uint2*>(values);
  }
  static __device__ __forceinline__ Raw none() { return {0, 0}; }
  static __device__ __forceinline__ Eight factors(const Raw& raw) {
    Eight e;
#pragma unroll
    for (int i = 0; i < 8; ++i)
      e.w[i] = static_cast<float>(static_cast<int8_t>((i < 4 ? raw.x : raw.y) >> i % 4 * 8));
    return e;
  }
  // Exact: 8 bits fit a bf16.
  static __device__ __forceinline__ uint4 expand(const Raw& raw) {
    return narrow_eight(factors(raw));
  }
  static __device__ __forceinline__ float row_scale(const WeightMatrix& W, size_t row) {
    return W.scale[row];
  }
};

template <>
struct WeightRows<WeightFormat::int4> {
  struct Raw {
    uint32_t nibbles;
    float scale;
  };
  static __device__ __forceinline__ Raw fetch(const WeightMatrix& W, size_t row, size_t col) {
    const size_t width = padded_cols(W.k);
    const auto* values = static_cast<const uint8_t*>(W.values) + (row * width + col) / 2;
    const bf16* scale = W.group_scale + (row * width + col) / kWeightGroup;
    return {*reinterpret_cast<const uint32_t*>(values), load(scale)};
  }
  static __device__ __forceinline__ Raw none() { return {0x88888888u, 0}; }
  static __device__ __forceinline__ Eight factors(const Raw& raw) {
    Eight e;
#pragma unroll
    for (int i = 0; i < 8; ++i)
      e.w[i] = static_cast<float>(static_cast<int>(raw.nibbles >> i * 4 & 15) - 8) * raw.scale;
    return e;
  }
  static __device__ __forceinline__ uint4 expand(const Raw& raw) {
    return narrow_eight(factors(raw));
  }
  static __device__ __forceinline__ float row_scale(const WeightMatrix&, size_t) { return 1; }
};

__device__ __forceinline__ void put_result(const LinearOutput& y, size_t t, size_t n, float value) {
  const size_t at = t * y.ld + n;
  if (y.narrow) {
    store(y.narrow + at, value);
  } else {
    y.wide[at] = y.add ? y.wide[at] + value : value;
  }
}

}  // namespace stateline::kernels::cuda
