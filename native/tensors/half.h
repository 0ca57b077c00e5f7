// The two 16-bit floats to f32, exactly.
#pragma once

#include <bit>
#include <cstdint>

namespace stateline {

constexpr float f32_from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// IEEE 754 binary16. The exponent is moved to that of f32; infinities and NaNs are moved to the top,
// and subnormal values get the implicit bit that they lack by a subtraction, which no mode of the
// processor that flushes subnormal numbers disturbs.
constexpr float f32_from_f16(std::uint16_t bits) {
  constexpr std::uint32_t kExponent = 0x7c00u << 13, kRebias = (127u - 15u) << 23;
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t shifted = static_cast<std::uint32_t>(bits & 0x7fffu) << 13;
  const std::uint32_t exponent = shifted & kExponent;
  std::uint32_t magnitude = shifted + kRebias;
  if (exponent == kExponent) magnitude += (128u - 16u) << 23;
  if (exponent == 0) {
    const float smallest = std::bit_cast<float>(113u << 23);  // 2^-14
    const float value = std::bit_cast<float>(shifted + (113u << 23)) - smallest;
    magnitude = std::bit_cast<std::uint32_t>(value);
  }
  return std::bit_cast<float>(magnitude | sign);
}

}  // namespace stateline
