// simd.h in plain C++: 4 lanes that any compiler maps to what the processor has.
#pragma once

#include <cstring>

#include "tensors/half.h"

namespace stateline::kernels::STATELINE_LEVEL {

struct Vec {
  float v[4];
};
constexpr size_t kLanes = 4;
constexpr bool kFused = false;

template <class F>
STATELINE_INLINE Vec map(const F& f) {
  Vec r;
  STATELINE_UNROLL
  for (size_t i = 0; i < kLanes; ++i) r.v[i] = f(i);
  return r;
}

STATELINE_INLINE Vec load(const float* p) {
  return map([&](size_t i) { return p[i]; });
}
STATELINE_INLINE void store(float* p, Vec a) { std::memcpy(p, a.v, sizeof(a.v)); }
STATELINE_INLINE Vec load_part(const float* p, size_t n) {
  return map([&](size_t i) { return i < n ? p[i] : 0.0f; });
}
STATELINE_INLINE void store_part(float* p, Vec a, size_t n) {
  for (size_t i = 0; i < n; ++i) p[i] = a.v[i];
}
STATELINE_INLINE Vec splat(float x) {
  return map([&](size_t) { return x; });
}
STATELINE_INLINE Vec operator+(Vec a, Vec b) {
  return map([&](size_t i) { return a.v[i] + b.v[i]; });
}
STATELINE_INLINE Vec operator-(Vec a, Vec b) {
  return map([&](size_t i) { return a.v[i] - b.v[i]; });
}
STATELINE_INLINE Vec operator*(Vec a, Vec b) {
  return map([&](size_t i) { return a.v[i] * b.v[i]; });
}
STATELINE_INLINE Vec operator/(Vec a, Vec b) {
  return map([&](size_t i) { return a.v[i] / b.v[i]; });
}
STATELINE_INLINE Vec mul_add(Vec a, Vec b, Vec c) { return a * b + c; }
STATELINE_INLINE Vec max(Vec a, Vec b) {
  return map([&](size_t i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
STATELINE_INLINE Vec min(Vec a, Vec b) {
  return map([&](size_t i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
STATELINE_INLINE Vec abs(Vec a) {
  return map([&](size_t i) { return a.v[i] < 0 ? -a.v[i] : a.v[i]; });
}
// Adding 1.5 * 2^23 leaves no bits for a fraction; valid for |a| < 2^22.
STATELINE_INLINE Vec round(Vec a) {
  return map([&](size_t i) { return (a.v[i] + 12582912.0f) - 12582912.0f; });
}
STATELINE_INLINE Vec from_int32(const int32_t* p) {
  return map([&](size_t i) { return static_cast<float>(p[i]); });
}
STATELINE_INLINE Vec load_f16(const uint16_t* p) {
  return map([&](size_t i) { return f32_from_f16(p[i]); });
}
STATELINE_INLINE void store_int8(int8_t* p, Vec a) {
  const Vec whole = round(a);
  for (size_t i = 0; i < kLanes; ++i) p[i] = static_cast<int8_t>(whole.v[i]);
}
STATELINE_INLINE Vec pow2(Vec n) {
  return map([&](size_t i) {
    // A NaN (which no integer can hold) keeps its NaN through the product with 1.
    const int32_t whole = n.v[i] >= -127.0f && n.v[i] <= 127.0f ? static_cast<int32_t>(n.v[i]) : 0;
    const uint32_t bits = static_cast<uint32_t>(whole + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof(power));
    return power;
  });
}
STATELINE_INLINE float sum(Vec a) { return (a.v[0] + a.v[1]) + (a.v[2] + a.v[3]); }
STATELINE_INLINE float max_of(Vec a) {
  float best = a.v[0];
  for (size_t i = 1; i < kLanes; ++i) best = a.v[i] > best ? a.v[i] : best;
  return best;
}

// Two neighbouring bf16 of each of 4 rows: the even columns and the odd ones.
struct VecPair {
  Vec even, odd;
};
STATELINE_INLINE float widen_one(uint16_t bf16) {
  const uint32_t bits = static_cast<uint32_t>(bf16) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
STATELINE_INLINE VecPair widen_bf16(const uint16_t* p) {
  return {map([&](size_t i) { return widen_one(p[2 * i]); }),
          map([&](size_t i) { return widen_one(p[2 * i + 1]); })};
}

}  // namespace stateline::kernels::STATELINE_LEVEL
