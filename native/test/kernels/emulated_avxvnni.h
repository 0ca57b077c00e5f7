// vpdpbusd by widening to int16, after Intel's Intrinsics Guide: sum += the four products of
// unsigned bytes of x with signed ones of w, in each int32.
#pragma once

#include <immintrin.h>

static inline __attribute__((always_inline)) __m256i emulated_dpbusd(__m256i sum, __m256i x,
                                                                     __m256i w) {
  const __m256i one = _mm256_set1_epi16(1), low_bytes = _mm256_set1_epi16(0xff);
  const __m256i even_w = _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8),
                odd_w = _mm256_srai_epi16(w, 8);
  const __m256i even_x = _mm256_and_si256(x, low_bytes), odd_x = _mm256_srli_epi16(x, 8);
  const __m256i even = _mm256_mullo_epi16(even_x, even_w), odd = _mm256_mullo_epi16(odd_x, odd_w);
  const __m256i pairs = _mm256_add_epi32(_mm256_madd_epi16(even, one), _mm256_madd_epi16(odd, one));
  return _mm256_add_epi32(sum, pairs);
}
#define _mm256_dpbusd_avx_epi32 emulated_dpbusd
