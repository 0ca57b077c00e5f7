// simd.h for AArch64 NEON: 4 lanes.
#pragma once

#include <arm_neon.h>

namespace stateline::kernels::STATELINE_LEVEL {

struct Vec {
  float32x4_t v;
};
constexpr size_t kLanes = 4;
constexpr bool kFused = true;

STATELINE_INLINE Vec load(const float* p) { return {vld1q_f32(p)}; }
STATELINE_INLINE void store(float* p, Vec a) { vst1q_f32(p, a.v); }
STATELINE_INLINE Vec load_part(const float* p, size_t n) {
  float lanes[kLanes] = {};
  for (size_t i = 0; i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}
STATELINE_INLINE void store_part(float* p, Vec a, size_t n) {
  float lanes[kLanes];
  store(lanes, a);
  for (size_t i = 0; i < n; ++i) p[i] = lanes[i];
}
STATELINE_INLINE Vec splat(float x) { return {vdupq_n_f32(x)}; }
STATELINE_INLINE Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
STATELINE_INLINE Vec operator-(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
STATELINE_INLINE Vec operator*(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
STATELINE_INLINE Vec operator/(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
STATELINE_INLINE Vec mul_add(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
STATELINE_INLINE Vec max(Vec a, Vec b) { return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)}; }
STATELINE_INLINE Vec min(Vec a, Vec b) { return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)}; }
STATELINE_INLINE Vec abs(Vec a) { return {vabsq_f32(a.v)}; }
STATELINE_INLINE Vec round(Vec a) { return {vrndnq_f32(a.v)}; }
STATELINE_INLINE Vec from_int32(const int32_t* p) { return {vcvtq_f32_s32(vld1q_s32(p))}; }
STATELINE_INLINE Vec load_f16(const uint16_t* p) {
  return {vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))};
}
STATELINE_INLINE void store_int8(int8_t* p, Vec a) {
  const int16x4_t half = vmovn_s32(vcvtnq_s32_f32(a.v));
  const int8x8_t bytes = vmovn_s16(vcombine_s16(half, half));
  std::memcpy(p, &bytes, kLanes);
}
STATELINE_INLINE Vec pow2(Vec n) {
  const int32x4_t biased = vaddq_s32(vcvtnq_s32_f32(n.v), vdupq_n_s32(127));
  return {vreinterpretq_f32_s32(vshlq_n_s32(biased, 23))};
}
STATELINE_INLINE float sum(Vec a) { return vaddvq_f32(a.v); }
STATELINE_INLINE float max_of(Vec a) { return vmaxvq_f32(a.v); }

// Two neighbouring bf16 of each of 4 rows: the even columns and the odd ones.
struct VecPair {
  Vec even, odd;
};
STATELINE_INLINE VecPair widen_bf16(const uint16_t* p) {
  const uint32x4_t both = vreinterpretq_u32_u16(vld1q_u16(p));
  return {{vreinterpretq_f32_u32(vshlq_n_u32(both, 16))},
          {vreinterpretq_f32_u32(vandq_u32(both, vdupq_n_u32(0xffff0000u)))}};
}

}  // namespace stateline::kernels::STATELINE_LEVEL
