// A vector of floats as wide as the level's registers, with the few operations that the kernels
// need. Every function lives in the level's own namespace, so that no two levels share a symbol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(_MSC_VER)
#define STATELINE_INLINE __forceinline
#define STATELINE_UNROLL
#elif defined(__SANITIZE_ADDRESS__)  // inlining and unrolling all would take minutes a file
#define STATELINE_INLINE inline
#define STATELINE_UNROLL
#else
#define STATELINE_INLINE inline __attribute__((always_inline))
#define STATELINE_UNROLL _Pragma("GCC unroll 32")
#endif

// Each of these defines, inside the level's namespace: struct Vec { lanes }, kLanes, kFused
// (mul_add rounds once), load, store, load_part, store_part (first n lanes, the others zero or
// untouched), splat, + - * /, mul_add, max and min (the second operand if either is NaN), round,
// from_int32 and load_f16 (kLanes of them), store_int8 (rounded to even, of lanes in [-128, 127]),
// pow2 (2^n for an integral n in [-127, 127], -127 giving 0), sum and max_of over lanes.
#if defined(STATELINE_SIMD_AVX512)
#include "kernels/cpu/simd_avx512.h"
#elif defined(STATELINE_SIMD_AVX2)
#include "kernels/cpu/simd_avx2.h"
#elif defined(STATELINE_SIMD_NEON)
#include "kernels/cpu/simd_neon.h"
#else
#include "kernels/cpu/simd_scalar.h"
#endif

namespace stateline::kernels::STATELINE_LEVEL {

// e^x by Cody-Waite reduction and the degree-5 polynomial of Cephes' expf. Relative error <= 3e-7
// for x in [-87, 88]; 0 below -87.7, e^88.37 above 88.37, NaN for NaN.
STATELINE_INLINE Vec exp(Vec x) {
  x = min(splat(88.37f), max(splat(-88.0f), x));
  const Vec n = round(x * splat(1.44269504f));
  const Vec r = mul_add(n, splat(2.12194440e-4f), mul_add(n, splat(-0.693359375f), x));
  Vec p = splat(1.9875691500e-4f);
  p = mul_add(p, r, splat(1.3981999507e-3f));
  p = mul_add(p, r, splat(8.3334519073e-3f));
  p = mul_add(p, r, splat(4.1665795894e-2f));
  p = mul_add(p, r, splat(1.6666665459e-1f));
  p = mul_add(p, r, splat(5.0000001201e-1f));
  return mul_add(p, r * r, r + splat(1.0f)) * pow2(n);
}

STATELINE_INLINE Vec sigmoid(Vec x) { return splat(1.0f) / (splat(1.0f) + exp(splat(0.0f) - x)); }
STATELINE_INLINE Vec silu(Vec x) { return x / (splat(1.0f) + exp(splat(0.0f) - x)); }

// ln x for normal x > 0 by Cephes' logf: relative error <= 3e-7 (absolute, where the result is
// below 1).
STATELINE_INLINE Vec log(Vec x) {
  float lanes[kLanes], exponents[kLanes];
  uint32_t bits[kLanes];
  store(lanes, x);
  std::memcpy(bits, lanes, sizeof(bits));
  for (size_t i = 0; i < kLanes; ++i) {  // x = 2^exponent * lane, lane in [sqrt(1/2), sqrt(2))
    const int32_t exponent = static_cast<int32_t>(bits[i] - 0x3f3504f3u) >> 23;
    exponents[i] = static_cast<float>(exponent);
    bits[i] -= static_cast<uint32_t>(exponent) << 23;
  }
  std::memcpy(lanes, bits, sizeof(bits));
  const Vec e = load(exponents), f = load(lanes) - splat(1.0f), z = f * f;
  Vec p = splat(7.0376836292e-2f);
  p = mul_add(p, f, splat(-1.1514610310e-1f));
  p = mul_add(p, f, splat(1.1676998740e-1f));
  p = mul_add(p, f, splat(-1.2420140846e-1f));
  p = mul_add(p, f, splat(1.4249322787e-1f));
  p = mul_add(p, f, splat(-1.6668057665e-1f));
  p = mul_add(p, f, splat(2.0000714765e-1f));
  p = mul_add(p, f, splat(-2.4999993993e-1f));
  p = mul_add(p, f, splat(3.3333331174e-1f));
  const Vec low = mul_add(e, splat(-2.12194440e-4f), mul_add(z, splat(-0.5f), p * f * z));
  return mul_add(e, splat(0.693359375f), f + low);
}

STATELINE_INLINE float exp(float x) {
  float lanes[kLanes];
  store(lanes, exp(splat(x)));
  return lanes[0];
}

STATELINE_INLINE size_t round_up(size_t value, size_t step) {
  return (value + step - 1) / step * step;
}
STATELINE_INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// Asks for the cache line of p, which is read or written soon.
STATELINE_INLINE void prefetch(const float* p) {
#if defined(__GNUC__)
  __builtin_prefetch(p);
#else
  (void)p;
#endif
}

// Calls body(i, count) from 0 up to n in steps of a vector, the last one partial: one loop body
// serves whole vectors and the tail.
template <class Body>
STATELINE_INLINE void for_vectors(size_t n, const Body& body) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, kLanes);
  if (i < n) body(i, n - i);
}
STATELINE_INLINE Vec load_up_to(const float* p, size_t n) {
  return n == kLanes ? load(p) : load_part(p, n);
}
STATELINE_INLINE void store_up_to(float* p, Vec v, size_t n) {
  n == kLanes ? store(p, v) : store_part(p, v, n);
}

}  // namespace stateline::kernels::STATELINE_LEVEL
