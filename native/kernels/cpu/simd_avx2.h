// simd.h for AVX2 with FMA: 8 lanes.
#pragma once

#include <immintrin.h>

namespace stateline::kernels::STATELINE_LEVEL {

struct Vec {
  __m256 v;
};
constexpr size_t kLanes = 8;
constexpr bool kFused = true;

STATELINE_INLINE __m256i first_lanes(size_t n) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), index);
}
STATELINE_INLINE Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
STATELINE_INLINE void store(float* p, Vec a) { _mm256_storeu_ps(p, a.v); }
STATELINE_INLINE Vec load_part(const float* p, size_t n) {
  return {_mm256_maskload_ps(p, first_lanes(n))};
}
STATELINE_INLINE void store_part(float* p, Vec a, size_t n) {
  _mm256_maskstore_ps(p, first_lanes(n), a.v);
}
STATELINE_INLINE Vec splat(float x) { return {_mm256_set1_ps(x)}; }
STATELINE_INLINE Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
STATELINE_INLINE Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
STATELINE_INLINE Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
STATELINE_INLINE Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
STATELINE_INLINE Vec mul_add(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
STATELINE_INLINE Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
STATELINE_INLINE Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
STATELINE_INLINE Vec abs(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
STATELINE_INLINE Vec round(Vec a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
STATELINE_INLINE Vec from_int32(const int32_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
STATELINE_INLINE Vec load_f16(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
STATELINE_INLINE void store_int8(int8_t* p, Vec a) {
  const __m256i wide = _mm256_cvtps_epi32(a.v);
  const __m128i half =
      _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(half, half));
}
STATELINE_INLINE Vec pow2(Vec n) {
  const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(biased, 23))};
}
STATELINE_INLINE float sum(Vec a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
STATELINE_INLINE float max_of(Vec a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

// Two neighbouring bf16 of each of 8 rows: the even columns and the odd ones.
struct VecPair {
  Vec even, odd;
};
STATELINE_INLINE VecPair widen_bf16(const uint16_t* p) {
  const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {{_mm256_castsi256_ps(_mm256_slli_epi32(both, 16))},
          {_mm256_castsi256_ps(
              _mm256_and_si256(both, _mm256_set1_epi32(static_cast<int>(0xffff0000u))))}};
}

}  // namespace stateline::kernels::STATELINE_LEVEL
