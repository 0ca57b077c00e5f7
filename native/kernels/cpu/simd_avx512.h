// simd.h for AVX-512 (f, bw, dq, vl): 16 lanes.
#pragma once

#include <immintrin.h>

namespace stateline::kernels::STATELINE_LEVEL {

struct Vec {
  __m512 v;
};
constexpr size_t kLanes = 16;
constexpr bool kFused = true;

STATELINE_INLINE __mmask16 first_lanes(size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
STATELINE_INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
STATELINE_INLINE void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
STATELINE_INLINE Vec load_part(const float* p, size_t n) {
  return {_mm512_maskz_loadu_ps(first_lanes(n), p)};
}
STATELINE_INLINE void store_part(float* p, Vec a, size_t n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), a.v);
}
STATELINE_INLINE Vec splat(float x) { return {_mm512_set1_ps(x)}; }
STATELINE_INLINE Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
STATELINE_INLINE Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
STATELINE_INLINE Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
STATELINE_INLINE Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
STATELINE_INLINE Vec mul_add(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
STATELINE_INLINE Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
STATELINE_INLINE Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
STATELINE_INLINE Vec abs(Vec a) { return {_mm512_abs_ps(a.v)}; }
STATELINE_INLINE Vec round(Vec a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
STATELINE_INLINE Vec from_int32(const int32_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_loadu_si512(p))};
}
STATELINE_INLINE Vec load_f16(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
STATELINE_INLINE void store_int8(int8_t* p, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a.v)));
}
STATELINE_INLINE Vec pow2(Vec n) {
  const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(biased, 23))};
}
STATELINE_INLINE float sum(Vec a) { return _mm512_reduce_add_ps(a.v); }
STATELINE_INLINE float max_of(Vec a) { return _mm512_reduce_max_ps(a.v); }

// Two neighbouring bf16 of each of 16 rows: the even columns and the odd ones.
struct VecPair {
  Vec even, odd;
};
STATELINE_INLINE VecPair widen_bf16(const uint16_t* p) {
  const __m512i both = _mm512_loadu_si512(p);
  return {{_mm512_castsi512_ps(_mm512_slli_epi32(both, 16))},
          {_mm512_castsi512_ps(
              _mm512_and_si512(both, _mm512_set1_epi32(static_cast<int>(0xffff0000u))))}};
}

}  // namespace stateline::kernels::STATELINE_LEVEL
