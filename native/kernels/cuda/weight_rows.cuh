// Reading eight neighbours of a weight row in each format: `fetch` starts the load, `expand` makes
// eight bf16 of it for the tensor cores, `factors` eight f32 for a plain dot product. The eight
// weights are unit() times the factors, times row_scale().
#pragma once

#include "kernels/cuda/eight.cuh"
#include "kernels/cuda/linear.cuh"

namespace stateline::kernels::cuda {

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
  static __device__ __forceinline__ float unit(const Raw&) { return 1; }
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
  static __device__ __forceinline__ float unit(const Raw&) { return 1; }
  static __device__ __forceinline__ float row_scale(const WeightMatrix& W, size_t row) {
    return W.scale[row];
  }
};

// The nibble at a bit of the word, less 8, without converting an integer: at that bit of an f32's
// mantissa, under the exponent of 2^(23 - bit), it stands for 2^(23 - bit) + nibble. Exact.
template <int kBit>
__device__ __forceinline__ float nibble_less_8(uint32_t word) {
  static_assert(kBit <= 16);  // the sum with 8 still fits a mantissa
  constexpr uint32_t kExponent = uint32_t{127 + 23 - kBit} << 23;
  return __uint_as_float((word & 15u << kBit) | kExponent) - ((1 << (23 - kBit)) + 8);
}

template <>
struct WeightRows<WeightFormat::int4> {
  struct Raw {
    uint32_t nibbles;
    bf16 scale;  // widened later: who touches a value waits for it
  };
  static __device__ __forceinline__ Raw fetch(const WeightMatrix& W, size_t row, size_t col) {
    const size_t width = padded_cols(W.k);
    const auto* values = static_cast<const uint8_t*>(W.values) + (row * width + col) / 2;
    const bf16* scale = W.group_scale + (row * width + col) / kWeightGroup;
    return {*reinterpret_cast<const uint32_t*>(values), *scale};
  }
  static __device__ __forceinline__ Raw none() { return {0x88888888u, {0}}; }
  static __device__ __forceinline__ Eight factors(const Raw& raw) {
    const uint32_t low = raw.nibbles, high = raw.nibbles >> 12;
    return {nibble_less_8<0>(low),   nibble_less_8<4>(low),  nibble_less_8<8>(low),
            nibble_less_8<12>(low),  nibble_less_8<16>(low), nibble_less_8<8>(high),
            nibble_less_8<12>(high), nibble_less_8<16>(high)};
  }
  static __device__ __forceinline__ uint4 expand(const Raw& raw) {
    Eight e = factors(raw);
#pragma unroll
    for (float& w : e.w) w *= unit(raw);
    return narrow_eight(e);
  }
  static __device__ __forceinline__ float unit(const Raw& raw) { return load(&raw.scale); }
  static __device__ __forceinline__ float row_scale(const WeightMatrix&, size_t) { return 1; }
};

// The sum of row t with row n of W, where it goes.
template <class Rows>
__device__ __forceinline__ void put_result(const LinearArguments& s, size_t t, size_t n,
                                           float sum) {
  const LinearOutput& y = s.y;
  const size_t at = t * y.ld + n;
  const float value = sum * (Rows::row_scale(s.W, n) * s.scale) + (s.bias ? s.bias[n] : 0);
  if (y.narrow) {
    store(y.narrow + at, value);
  } else {
    y.wide[at] = y.add ? y.wide[at] + value : value;
  }
}

}  // namespace stateline::kernels::cuda
