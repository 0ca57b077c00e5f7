#include "kernels/quantise.h"

#include <cassert>
#include <cstring>
#include <limits>

#include "kernels/cpu/simd.h"
#include "kernels/packed_matrix.h"
#include "tensors/half.h"

namespace stateline::kernels::STATELINE_LEVEL {

QuantiseRow quantise_row;

namespace {

constexpr size_t kVecs = kBlockValues / kLanes;

// A block in registers, and the same arithmetic for each of its vectors.
struct BlockVecs {
  Vec v[kVecs];
};
template <class F>
STATELINE_INLINE BlockVecs each(const F& f) {
  BlockVecs r;
  STATELINE_UNROLL
  for (size_t i = 0; i < kVecs; ++i) r.v[i] = f(i);
  return r;
}
// In halves, so that levels of different widths add in the same order.
STATELINE_INLINE float total(BlockVecs a) {
  STATELINE_UNROLL
  for (size_t half = kVecs / 2; half > 0; half /= 2) {
    STATELINE_UNROLL
    for (size_t i = 0; i < half; ++i) a.v[i] = a.v[i] + a.v[i + half];
  }
  return sum(a.v[0]);
}

struct Range {
  float low, high;
  bool finite;
  float absmax() const { return high > -low ? high : -low; }
};

STATELINE_INLINE Range range_of(const float* row, size_t k) {
  Vec high = splat(0), low = splat(0), nothing = splat(0);
  for_vectors(k, [&](size_t i, size_t n) {
    const Vec v = load_up_to(row + i, n);
    high = max(v, high);
    low = max(splat(0) - v, low);
    nothing = nothing + v * splat(0);  // NaN of what is not finite
  });
  return {-max_of(low), max_of(high), sum(nothing) == 0};
}

STATELINE_INLINE float inverse_of(float scale) { return scale != 0 ? 1 / scale : 0; }

// value / scale, rounded and kept within [low, high].
STATELINE_INLINE void put_steps(const float* values, size_t n, float scale, float low, float high,
                                int8_t* out) {
  const Vec inverse = splat(inverse_of(scale));
  for_vectors(n, [&](size_t i, size_t count) {
    int8_t bytes[kLanes];
    store_int8(bytes, min(max(load_up_to(values + i, count) * inverse, splat(low)), splat(high)));
    std::memcpy(out + i, bytes, count);
  });
}

bool to_int8(const float* row, size_t k, std::byte* out, float* scale) {
  const Range range = range_of(row, k);
  *scale = range.absmax() / 127;
  put_steps(row, k, *scale, -127, 127, reinterpret_cast<int8_t*>(out));
  return range.finite;
}

bool to_q8_0(const float* block, std::byte* out) {
  const Range range = range_of(block, kBlockValues);
  const uint16_t scale = f16_scale(range.absmax() / 127);
  std::memcpy(out, &scale, sizeof(scale));
  put_steps(block, kBlockValues, f32_from_f16(scale), -127, 127,
            reinterpret_cast<int8_t*>(out + sizeof(scale)));
  return range.finite;
}

struct Choice {
  uint16_t scale;
  float error;
};

STATELINE_INLINE BlockVecs steps_of(const BlockVecs& block, float scale) {
  const Vec inverse = splat(inverse_of(scale));
  return each([&](size_t i) { return round(min(max(block.v[i] * inverse, splat(-8)), splat(7))); });
}

STATELINE_INLINE Choice try_scale(const BlockVecs& block, float wanted) {
  const uint16_t half = f16_scale(wanted);
  const float scale = f32_from_f16(half);
  const BlockVecs steps = steps_of(block, scale);
  return {half, total(each([&](size_t i) {
            const Vec off = block.v[i] - splat(scale) * steps.v[i];
            return off * off;
          }))};
}

// Without branches, which none could foresee.
STATELINE_INLINE Choice better(Choice a, Choice b) {
  return {b.error < a.error ? b.scale : a.scale, b.error < a.error ? b.error : a.error};
}

STATELINE_INLINE uint16_t search_scale(const BlockVecs& block, float furthest) {
  Choice best = try_scale(block, furthest / kReaches[0]);
  STATELINE_UNROLL
  for (size_t i = 1; i < std::size(kReaches); ++i)
    best = better(best, try_scale(block, furthest / kReaches[i]));
  const BlockVecs q = steps_of(block, f32_from_f16(best.scale));
  const float norm = total(each([&](size_t i) { return q.v[i] * q.v[i]; }));
  const float product = total(each([&](size_t i) { return block.v[i] * q.v[i]; }));
  return better(best, try_scale(block, norm > 0 ? product / norm : 0)).scale;
}

bool to_q4_0(const float* values, std::byte* out) {
  const Range range = range_of(values, kBlockValues);
  const BlockVecs block = each([&](size_t i) { return load(values + i * kLanes); });
  const uint16_t scale = search_scale(block, range.high >= -range.low ? range.high : range.low);
  std::memcpy(out, &scale, sizeof(scale));
  const BlockVecs steps = steps_of(block, f32_from_f16(scale));
  std::byte* halves = out + sizeof(scale);
  STATELINE_UNROLL
  for (size_t i = 0; i < kVecs / 2; ++i) {
    // Two halves of a byte, each 8 more than its step, with the byte's highest bit turned.
    int8_t bytes[kLanes];
    store_int8(bytes, steps.v[i] + steps.v[i + kVecs / 2] * splat(16) + splat(8));
    for (size_t j = 0; j < kLanes; ++j)
      halves[i * kLanes + j] = static_cast<std::byte>(bytes[j] ^ -128);
  }
  return range.finite;
}

}  // namespace

bool quantise_row(DType type, const float* row, size_t k, std::byte* out, float* scale) {
  if (type == DType::kInt8) return to_int8(row, k, out, scale);
  if (type != DType::kQ8_0 && type != DType::kQ4_0)
    return reference::quantise_row(type, row, k, out, scale);
  assert(k % kBlockValues == 0);
  bool finite = true;
  for (size_t i = 0; i < k; i += kBlockValues, out += block_of(type).bytes)
    finite &= type == DType::kQ8_0 ? to_q8_0(row + i, out) : to_q4_0(row + i, out);
  return finite;
}

}  // namespace stateline::kernels::STATELINE_LEVEL
