// Rows of f32 weights rounded to the types that a packed matrix stores, in GGUF's blocks.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "tensors/dtype.h"

namespace stateline::kernels {

// row [k] -> k values, or k/32 blocks (k a multiple of 32), at `out`:
//   kF32   as they are
//   kBF16  to the nearest, ties to even
//   kInt8  127 steps to the greatest of the row; *scale is a step (the others do not use it)
//   kQ8_0  127 steps to the greatest of each block
//   kQ4_0  of three scales a block (below) and the one that suits the integers of the best of them
//          (least squares), that with the least squared error
// A block's scale is rounded to f16 first: below 2^-25 it becomes 0, above 65504 it becomes that.
// False if a value is not finite; then `out` has no meaning. Levels agree but for ties.
using QuantiseRow = bool(DType type, const float* row, size_t k, std::byte* out, float* scale);

namespace reference {
QuantiseRow quantise_row;
}

// How many steps of kQ4_0 away the value furthest from zero is put: at -8 all are within reach, at
// 7 and a half the other side is, and a little less is finer in the middle of most blocks.
constexpr float kReaches[] = {-8, -7.3f, 7.5f};

// The nearest f16, ties to even; what is greater than the greatest becomes that.
inline uint16_t f16_scale(float value) {
  constexpr float kGreatest = 65504, kLeastNormal = 0x1p-14f;
  const uint32_t sign = std::bit_cast<uint32_t>(value) >> 16 & 0x8000u;
  const float size = std::min(std::fabs(value), kGreatest);
  // The sum's last bits are steps of 2^-24, those of f16's subnormal numbers.
  if (size < kLeastNormal)
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(size + 0.5f) - 0x3f000000u));
  const uint32_t bits = std::bit_cast<uint32_t>(size) - (112u << 23);
  return static_cast<uint16_t>(sign | (bits + 0xfffu + (bits >> 13 & 1u)) >> 13);
}

}  // namespace stateline::kernels
