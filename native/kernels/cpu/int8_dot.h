// Sums of four int8 products per weight row, exact in int32 on every level.
//   Dot                running sums of kDotBytes / 4 rows; kDotParts of them make a panel
//   dot_weights(w)     kDotBytes weights, [rows][4]
//   dot(sum, w, x)     adds the products with the four activations at x
//   dot_store(sum, s)  the finished sums, one per row
//   dot_start(row_sum) what the sums begin with, given those of the rows' weights: zero, or less
//   what
//                      the flip adds
//   kDotFlip           xor-ed into the activations (0x80 makes them unsigned, + 128)
//   kDotRows, kDotPanels  the tile of tokens by panels that fits the registers
#pragma once

#include <cstring>

#include "kernels/cpu/simd.h"

namespace stateline::kernels::STATELINE_LEVEL {

// GCC keeps sums of vpdpbusd in their registers only where they are int32 to it: as __m512i, which
// is int64, each is copied twice a step.
#if defined(_MSC_VER)
#define STATELINE_INT32_LANES(lanes, plain) plain
#else
#define STATELINE_INT32_LANES(lanes, plain) lanes
#endif

#if defined(STATELINE_VNNI) && defined(STATELINE_SIMD_AVX512)

using Dot = STATELINE_INT32_LANES(__v16si, __m512i);
using DotWeights = __m512i;
constexpr size_t kDotBytes = 64, kDotParts = 1, kDotRows = 12, kDotPanels = 2;
constexpr uint32_t kDotFlip = 0x80;  // vpdpbusd multiplies unsigned by signed; 2^7, see dot_start

STATELINE_INLINE Dot dot_start(const int32_t* row_sum) {
  const __m512i flipped = _mm512_slli_epi32(_mm512_loadu_si512(row_sum), 7);
  return (Dot)_mm512_sub_epi32(_mm512_setzero_si512(), flipped);
}
STATELINE_INLINE DotWeights dot_weights(const int8_t* w) { return _mm512_loadu_si512(w); }
STATELINE_INLINE Dot dot(Dot sum, DotWeights w, const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, 4);
  return (Dot)_mm512_dpbusd_epi32((__m512i)sum, _mm512_set1_epi32(four), w);
}
STATELINE_INLINE void dot_store(Dot sum, int32_t* out) { _mm512_storeu_si512(out, (__m512i)sum); }

#elif defined(STATELINE_VNNI)

using Dot = STATELINE_INT32_LANES(__v8si, __m256i);
using DotWeights = __m256i;
constexpr size_t kDotBytes = 32, kDotParts = 2, kDotRows = 6, kDotPanels = 1;
constexpr uint32_t kDotFlip = 0x80;

STATELINE_INLINE Dot dot_start(const int32_t* row_sum) {
  const __m256i sums = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row_sum));
  return (Dot)_mm256_sub_epi32(_mm256_setzero_si256(), _mm256_slli_epi32(sums, 7));
}
STATELINE_INLINE DotWeights dot_weights(const int8_t* w) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
}
STATELINE_INLINE Dot dot(Dot sum, DotWeights w, const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, 4);
  return (Dot)_mm256_dpbusd_avx_epi32((__m256i)sum, _mm256_set1_epi32(four), w);
}
STATELINE_INLINE void dot_store(Dot sum, int32_t* out) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), (__m256i)sum);
}

#elif defined(STATELINE_SIMD_AVX2) || defined(STATELINE_SIMD_AVX512)

// vpmaddubsw adds two unsigned-by-signed products in int16. With |w| as the unsigned side (<= 128)
// and x, of at most 127, taking w's sign, a pair is at most 2 * 128 * 127 = 32512: it cannot
// saturate.
using Dot = __m256i;
struct DotWeights {
  __m256i signs, magnitudes;
};
constexpr size_t kDotBytes = 32, kDotParts = 2, kDotRows = 4, kDotPanels = 1;
constexpr uint32_t kDotFlip = 0;

STATELINE_INLINE Dot dot_start(const int32_t*) { return _mm256_setzero_si256(); }
STATELINE_INLINE DotWeights dot_weights(const int8_t* w) {
  const __m256i weights = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
  return {weights, _mm256_abs_epi8(weights)};
}
STATELINE_INLINE Dot dot(Dot sum, DotWeights w, const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, 4);
  const __m256i signed_x = _mm256_sign_epi8(_mm256_set1_epi32(four), w.signs);
  const __m256i pairs = _mm256_maddubs_epi16(w.magnitudes, signed_x);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
STATELINE_INLINE void dot_store(Dot sum, int32_t* out) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), sum);
}

#elif defined(STATELINE_SIMD_NEON)

using Dot = int32x4_t;
using DotWeights = int8x16_t;
constexpr size_t kDotBytes = 16, kDotParts = 4, kDotRows = 4, kDotPanels = 1;
constexpr uint32_t kDotFlip = 0;

STATELINE_INLINE Dot dot_start(const int32_t*) { return vdupq_n_s32(0); }
STATELINE_INLINE DotWeights dot_weights(const int8_t* w) { return vld1q_s8(w); }
STATELINE_INLINE Dot dot(Dot sum, DotWeights w, const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, 4);
#if defined(STATELINE_DOTPROD)
  return vdotq_s32(sum, w, vreinterpretq_s8_s32(vdupq_n_s32(four)));
#else
  const int8x8_t repeated = vreinterpret_s8_s32(vdup_n_s32(four));
  const int16x8_t low = vmull_s8(vget_low_s8(w), repeated);
  const int16x8_t high = vmull_s8(vget_high_s8(w), repeated);
  return vpadalq_s16(sum, vpaddq_s16(low, high));  // a pair is at most 2 * 128 * 127: it fits int16
#endif
}
STATELINE_INLINE void dot_store(Dot sum, int32_t* out) { vst1q_s32(out, sum); }

#else

struct Dot {
  int32_t row[4];
};
struct DotWeights {
  const int8_t* w;
};
constexpr size_t kDotBytes = 16, kDotParts = 4, kDotRows = 2, kDotPanels = 1;
constexpr uint32_t kDotFlip = 0;

STATELINE_INLINE Dot dot_start(const int32_t*) { return {}; }
STATELINE_INLINE DotWeights dot_weights(const int8_t* w) { return {w}; }
STATELINE_INLINE Dot dot(Dot sum, DotWeights w, const int8_t* x) {
  for (size_t row = 0; row < 4; ++row) {
    for (size_t i = 0; i < 4; ++i) sum.row[row] += w.w[row * 4 + i] * x[i];
  }
  return sum;
}
STATELINE_INLINE void dot_store(Dot sum, int32_t* out) {
  std::memcpy(out, sum.row, sizeof(sum.row));
}

#endif

STATELINE_INLINE void prefetch(const int8_t* place) {
#if defined(_MSC_VER) && !defined(__clang__)
  (void)place;
#else
  __builtin_prefetch(place);
#endif
}

}  // namespace stateline::kernels::STATELINE_LEVEL
