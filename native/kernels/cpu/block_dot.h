// Sums of the integer products of a block of 32 weights and activations, kLanes weight rows at
// once, exact on every level.
//   Q8Dot, Q4Dot       what a type's blocks look like, each with
//     kBlockBytes        of a panel's sixteen rows
//     kOffset            what stands in place of the weight 0: the sums begin with the block's
//                        activations times -kOffset
//     Weights, weights(block, group, part)   of four columns from 4 group on, rows of the part
//     Sum, begin(start), add(sum, weights, x), total(sum)
//   kBlockRows, kBlockPanels   the tile of tokens by panels that fits the registers
#pragma once

#include <cstring>

#include "kernels/cpu/int8_dot.h"

namespace stateline::kernels::STATELINE_LEVEL {

constexpr size_t kPartBytes = kLanes * 4;  // of one group of four columns
constexpr size_t kGroups = kBlockValues / 4;
constexpr size_t kQ8Bytes = kPanelRows * kBlockValues, kQ4Bytes = kQ8Bytes / 2;  // a panel's block

STATELINE_INLINE int32_t four_of(const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, 4);
  return four;
}

// Where group g of a block of halves stands: the lower ones have the first sixteen columns.
STATELINE_INLINE const uint8_t* q4_part(const uint8_t* block, size_t group, size_t part) {
  return block + group % (kGroups / 2) * kPanelRows * 4 + part * kPartBytes;
}
STATELINE_INLINE const uint8_t* q8_part(const uint8_t* block, size_t group, size_t part) {
  return block + group * kPanelRows * 4 + part * kPartBytes;
}

#if defined(STATELINE_SIMD_AVX512)

STATELINE_INLINE __m512i q4_bytes(const uint8_t* block, size_t group, size_t part) {
  const __m512i two = _mm512_loadu_si512(q4_part(block, group, part));
  const __m512i half = group < kGroups / 2 ? two : _mm512_srli_epi16(two, 4);
  return _mm512_and_si512(half, _mm512_set1_epi8(15));
}

#if defined(STATELINE_VNNI)

constexpr size_t kBlockRows = 6, kBlockPanels = 2;

struct UnsignedDot {
  using Weights = __m512i;
  using Sum = STATELINE_INT32_LANES(__v16si, __m512i);
  static STATELINE_INLINE Sum begin(int32_t start) { return (Sum)_mm512_set1_epi32(start); }
  static STATELINE_INLINE Sum add(Sum sum, Weights w, const int8_t* x) {
    return (Sum)_mm512_dpbusd_epi32((__m512i)sum, w, _mm512_set1_epi32(four_of(x)));
  }
  static STATELINE_INLINE Vec total(Sum sum) { return {_mm512_cvtepi32_ps((__m512i)sum)}; }
};
struct Q8Dot : UnsignedDot {
  static constexpr int32_t kOffset = 128;
  static constexpr size_t kBlockBytes = kQ8Bytes;
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    return _mm512_loadu_si512(q8_part(block, group, part));
  }
};
struct Q4Dot : UnsignedDot {
  static constexpr int32_t kOffset = 8;
  static constexpr size_t kBlockBytes = kQ4Bytes;
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    return q4_bytes(block, group, part);
  }
};

#else

constexpr size_t kBlockRows = 4, kBlockPanels = 2;

// The products of unsigned weights of seven bits fit int16 in pairs, those of four bits even summed
// over a block: 8 * 2 * 15 * 127 = 30480. Signed ones go as in int8_dot.h.
struct Q8Dot {
  static constexpr int32_t kOffset = 0;
  static constexpr size_t kBlockBytes = kQ8Bytes;
  struct Weights {
    __mmask64 negative;
    __m512i magnitudes;
  };
  using Sum = __m512i;
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    const __m512i w =
        _mm512_xor_si512(_mm512_loadu_si512(q8_part(block, group, part)), _mm512_set1_epi8(-128));
    return {_mm512_movepi8_mask(w), _mm512_abs_epi8(w)};
  }
  static STATELINE_INLINE Sum begin(int32_t start) { return _mm512_set1_epi32(start); }
  static STATELINE_INLINE Sum add(Sum sum, Weights w, const int8_t* x) {
    const __m512i plain = _mm512_set1_epi32(four_of(x));
    const __m512i signed_x = _mm512_mask_sub_epi8(plain, w.negative, _mm512_setzero_si512(), plain);
    const __m512i pairs = _mm512_maddubs_epi16(w.magnitudes, signed_x);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
  }
  static STATELINE_INLINE Vec total(Sum sum) { return {_mm512_cvtepi32_ps(sum)}; }
};
struct Q4Dot {
  static constexpr int32_t kOffset = 8;
  static constexpr size_t kBlockBytes = kQ4Bytes;
  using Weights = __m512i;
  struct Sum {
    __m512i pairs;
    int32_t start;
  };
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    return q4_bytes(block, group, part);
  }
  static STATELINE_INLINE Sum begin(int32_t start) { return {_mm512_setzero_si512(), start}; }
  static STATELINE_INLINE Sum add(Sum sum, Weights w, const int8_t* x) {
    const __m512i pairs = _mm512_maddubs_epi16(w, _mm512_set1_epi32(four_of(x)));
    return {_mm512_add_epi16(sum.pairs, pairs), sum.start};
  }
  static STATELINE_INLINE Vec total(Sum sum) {
    const __m512i fours = _mm512_madd_epi16(sum.pairs, _mm512_set1_epi16(1));
    return {_mm512_cvtepi32_ps(_mm512_add_epi32(fours, _mm512_set1_epi32(sum.start)))};
  }
};

#endif

#elif defined(STATELINE_SIMD_AVX2)

STATELINE_INLINE __m256i load_bytes(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
STATELINE_INLINE __m256i q4_bytes(const uint8_t* block, size_t group, size_t part) {
  const __m256i two = load_bytes(q4_part(block, group, part));
  const __m256i half = group < kGroups / 2 ? two : _mm256_srli_epi16(two, 4);
  return _mm256_and_si256(half, _mm256_set1_epi8(15));
}

#if defined(STATELINE_VNNI)

constexpr size_t kBlockRows = 3, kBlockPanels = 1;

struct UnsignedDot {
  using Weights = __m256i;
  using Sum = STATELINE_INT32_LANES(__v8si, __m256i);
  static STATELINE_INLINE Sum begin(int32_t start) { return (Sum)_mm256_set1_epi32(start); }
  static STATELINE_INLINE Sum add(Sum sum, Weights w, const int8_t* x) {
    return (Sum)_mm256_dpbusd_avx_epi32((__m256i)sum, w, _mm256_set1_epi32(four_of(x)));
  }
  static STATELINE_INLINE Vec total(Sum sum) { return {_mm256_cvtepi32_ps((__m256i)sum)}; }
};
struct Q8Dot : UnsignedDot {
  static constexpr int32_t kOffset = 128;
  static constexpr size_t kBlockBytes = kQ8Bytes;
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    return load_bytes(q8_part(block, group, part));
  }
};
struct Q4Dot : UnsignedDot {
  static constexpr int32_t kOffset = 8;
  static constexpr size_t kBlockBytes = kQ4Bytes;
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    return q4_bytes(block, group, part);
  }
};

#else

constexpr size_t kBlockRows = 3, kBlockPanels = 1;

struct Q8Dot {
  static constexpr int32_t kOffset = 0;
  static constexpr size_t kBlockBytes = kQ8Bytes;
  using Weights = DotWeights;
  using Sum = Dot;
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    const __m256i w =
        _mm256_xor_si256(load_bytes(q8_part(block, group, part)), _mm256_set1_epi8(-128));
    return {w, _mm256_abs_epi8(w)};
  }
  static STATELINE_INLINE Sum begin(int32_t start) { return _mm256_set1_epi32(start); }
  static STATELINE_INLINE Sum add(Sum sum, Weights w, const int8_t* x) { return dot(sum, w, x); }
  static STATELINE_INLINE Vec total(Sum sum) { return {_mm256_cvtepi32_ps(sum)}; }
};
// Products of weights of four bits fit int16 even summed over a block: 8 * 2 * 15 * 127 = 30480.
struct Q4Dot {
  static constexpr int32_t kOffset = 8;
  static constexpr size_t kBlockBytes = kQ4Bytes;
  using Weights = __m256i;
  struct Sum {
    __m256i pairs;
    int32_t start;
  };
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    return q4_bytes(block, group, part);
  }
  static STATELINE_INLINE Sum begin(int32_t start) { return {_mm256_setzero_si256(), start}; }
  static STATELINE_INLINE Sum add(Sum sum, Weights w, const int8_t* x) {
    const __m256i pairs = _mm256_maddubs_epi16(w, _mm256_set1_epi32(four_of(x)));
    return {_mm256_add_epi16(sum.pairs, pairs), sum.start};
  }
  static STATELINE_INLINE Vec total(Sum sum) {
    const __m256i fours = _mm256_madd_epi16(sum.pairs, _mm256_set1_epi16(1));
    return {_mm256_cvtepi32_ps(_mm256_add_epi32(fours, _mm256_set1_epi32(sum.start)))};
  }
};

#endif

#elif defined(STATELINE_SIMD_NEON)

constexpr size_t kBlockRows = 3, kBlockPanels = 1;

struct SignedDot {
  using Weights = DotWeights;
  using Sum = Dot;
  static STATELINE_INLINE Sum begin(int32_t start) { return vdupq_n_s32(start); }
  static STATELINE_INLINE Sum add(Sum sum, Weights w, const int8_t* x) { return dot(sum, w, x); }
  static STATELINE_INLINE Vec total(Sum sum) { return {vcvtq_f32_s32(sum)}; }
};
struct Q8Dot : SignedDot {
  static constexpr int32_t kOffset = 0;
  static constexpr size_t kBlockBytes = kQ8Bytes;
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    const uint8x16_t flipped = veorq_u8(vld1q_u8(q8_part(block, group, part)), vdupq_n_u8(128));
    return vreinterpretq_s8_u8(flipped);
  }
};
struct Q4Dot : SignedDot {
  static constexpr int32_t kOffset = 8;
  static constexpr size_t kBlockBytes = kQ4Bytes;
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    const uint8x16_t two = vld1q_u8(q4_part(block, group, part));
    const uint8x16_t half =
        group < kGroups / 2 ? vandq_u8(two, vdupq_n_u8(15)) : vshrq_n_u8(two, 4);
    return vreinterpretq_s8_u8(half);
  }
};

#else

constexpr size_t kBlockRows = 2, kBlockPanels = 1;

struct PlainDot {
  struct Weights {
    int8_t w[16];
  };
  using Sum = Dot;
  static STATELINE_INLINE Sum begin(int32_t start) { return {{start, start, start, start}}; }
  static STATELINE_INLINE Sum add(Sum sum, const Weights& w, const int8_t* x) {
    return dot(sum, {w.w}, x);
  }
  static STATELINE_INLINE Vec total(Sum sum) { return from_int32(sum.row); }
};
struct Q8Dot : PlainDot {
  static constexpr int32_t kOffset = 0;
  static constexpr size_t kBlockBytes = kQ8Bytes;
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    const uint8_t* bytes = q8_part(block, group, part);
    Weights weights;
    for (size_t i = 0; i < kPartBytes; ++i) weights.w[i] = static_cast<int8_t>(bytes[i] ^ 0x80);
    return weights;
  }
};
struct Q4Dot : PlainDot {
  static constexpr int32_t kOffset = 8;
  static constexpr size_t kBlockBytes = kQ4Bytes;
  static STATELINE_INLINE Weights weights(const uint8_t* block, size_t group, size_t part) {
    const uint8_t* bytes = q4_part(block, group, part);
    const int shift = group < kGroups / 2 ? 0 : 4;
    Weights weights;
    for (size_t i = 0; i < kPartBytes; ++i)
      weights.w[i] = static_cast<int8_t>(bytes[i] >> shift & 15);
    return weights;
  }
};

#endif

}  // namespace stateline::kernels::STATELINE_LEVEL
