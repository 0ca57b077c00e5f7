#include "formats/dequantise.h"

#include <cstdint>
#include <cstring>

#include "formats/error.h"
#include "tensors/half.h"

namespace stateline::formats {
namespace {

constexpr std::size_t kSmall = 32;  // values of a block of Q4_0, Q4_1, Q5_0, Q5_1, Q8_0

std::uint16_t word(const std::uint8_t* p) {
  std::uint16_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

float half(const std::uint8_t* p) { return f32_from_f16(word(p)); }

void f16(const std::uint8_t* p, float* out) { *out = f32_from_f16(word(p)); }
void bf16(const std::uint8_t* p, float* out) { *out = f32_from_bf16(word(p)); }

// d, 32 signed bytes.
void q8_0(const std::uint8_t* p, float* out) {
  const float d = half(p);
  for (std::size_t i = 0; i < kSmall; ++i)
    out[i] = d * static_cast<float>(static_cast<std::int8_t>(p[2 + i]));
}

// Low nibbles are the first half of a block, high ones the second.
template <typename Value>
void nibbles(const std::uint8_t* q, float* out, const Value& value) {
  for (std::size_t i = 0; i < kSmall / 2; ++i) {
    out[i] = value(q[i] & 15, i);
    out[i + kSmall / 2] = value(q[i] >> 4, i + kSmall / 2);
  }
}

// d, 16 bytes of nibbles.
void q4_0(const std::uint8_t* p, float* out) {
  const float d = half(p);
  nibbles(p + 2, out, [=](int q, std::size_t) { return d * static_cast<float>(q - 8); });
}

// d, m, 16 bytes of nibbles.
void q4_1(const std::uint8_t* p, float* out) {
  const float d = half(p), m = half(p + 2);
  nibbles(p + 4, out, [=](int q, std::size_t) { return d * static_cast<float>(q) + m; });
}

// The fifth bit of value `i`, in its place.
int fifth(std::uint32_t bits, std::size_t i) { return static_cast<int>((bits >> i) & 1) << 4; }

std::uint32_t double_word(const std::uint8_t* p) {
  std::uint32_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// d, 32 fifth bits, 16 bytes of nibbles.
void q5_0(const std::uint8_t* p, float* out) {
  const float d = half(p);
  const std::uint32_t high = double_word(p + 2);
  nibbles(p + 6, out,
          [=](int q, std::size_t i) { return d * static_cast<float>((q | fifth(high, i)) - 16); });
}

// d, m, 32 fifth bits, 16 bytes of nibbles.
void q5_1(const std::uint8_t* p, float* out) {
  const float d = half(p), m = half(p + 2);
  const std::uint32_t high = double_word(p + 4);
  nibbles(p + 8, out,
          [=](int q, std::size_t i) { return d * static_cast<float>(q | fifth(high, i)) + m; });
}

// Eight 6-bit scales and eight 6-bit minima in 12 bytes: the first four of each in the low bits of
// bytes 0-3 and 4-7, of the others four bits in bytes 8-11 and two in the high bits of bytes 0-7.
struct ScaleAndMinimum {
  float scale, minimum;
};
ScaleAndMinimum scale_and_minimum(const std::uint8_t* s, std::size_t part) {
  if (part < 4) return {static_cast<float>(s[part] & 63), static_cast<float>(s[part + 4] & 63)};
  return {static_cast<float>((s[part + 4] & 15) | ((s[part - 4] >> 6) << 4)),
          static_cast<float>((s[part + 4] >> 4) | ((s[part] >> 6) << 4))};
}

// d, dmin, 12 bytes of scales and minima, 128 bytes of nibbles: of each 32 bytes, the low ones are
// one part and the high ones the next.
void q4_k(const std::uint8_t* p, float* out) {
  const float d = half(p), dmin = half(p + 2);
  for (std::size_t part = 0; part < 8; ++part, out += 32) {
    const auto [scale, minimum] = scale_and_minimum(p + 4, part);
    const float a = d * scale, b = dmin * minimum;
    const std::uint8_t* q = p + 16 + part / 2 * 32;
    const std::size_t shift = part % 2 * 4;
    for (std::size_t i = 0; i < 32; ++i) out[i] = a * static_cast<float>((q[i] >> shift) & 15) - b;
  }
}

// As Q4_K, with 32 bytes of fifth bits between: bit `part` of byte i is that of value i of a part.
void q5_k(const std::uint8_t* p, float* out) {
  const float d = half(p), dmin = half(p + 2);
  const std::uint8_t* high = p + 16;
  for (std::size_t part = 0; part < 8; ++part, out += 32) {
    const auto [scale, minimum] = scale_and_minimum(p + 4, part);
    const float a = d * scale, b = dmin * minimum;
    const std::uint8_t* q = p + 48 + part / 2 * 32;
    const std::size_t shift = part % 2 * 4;
    for (std::size_t i = 0; i < 32; ++i) {
      const int value = ((q[i] >> shift) & 15) | ((high[i] >> part & 1) << 4);
      out[i] = a * static_cast<float>(value) - b;
    }
  }
}

// 128 bytes of low nibbles, 64 bytes of two high bits, 16 signed scales, d. Each half of a block is
// four parts of 32 values: parts 0 and 1 are the low nibbles of 64 bytes, 2 and 3 the high ones.
void q6_k(const std::uint8_t* p, float* out) {
  const std::uint8_t* scales = p + 192;
  const float d = half(p + 208);
  for (std::size_t part = 0; part < 8; ++part, out += 32) {
    const std::uint8_t* low = p + part / 4 * 64 + part % 2 * 32;
    const std::uint8_t* high = p + 128 + part / 4 * 32;
    const std::size_t low_shift = part % 4 / 2 * 4, high_shift = part % 4 * 2;
    for (std::size_t i = 0; i < 32; ++i) {
      const float a = d * static_cast<float>(static_cast<std::int8_t>(scales[part * 2 + i / 16]));
      const int q = ((low[i] >> low_shift) & 15) | ((high[i] >> high_shift & 3) << 4);
      out[i] = a * static_cast<float>(q - 32);
    }
  }
}

template <DType type, void (*block)(const std::uint8_t*, float*)>
void blocks(const std::byte* stored, std::size_t count, float* out) {
  constexpr Block size = block_of(type);
  const auto* p = reinterpret_cast<const std::uint8_t*>(stored);
  for (std::size_t i = 0; i < count; i += size.values, p += size.bytes) block(p, out + i);
}

}  // namespace

void dequantise(DType type, const std::byte* stored, std::size_t count, float* out) {
  if (count == 0) return;  // memcpy wants an address, and an empty tensor has none
  switch (type) {
    case DType::kF32:
      std::memcpy(out, stored, count * sizeof(float));
      return;
    case DType::kF16:
      return blocks<DType::kF16, f16>(stored, count, out);
    case DType::kBF16:
      return blocks<DType::kBF16, bf16>(stored, count, out);
    case DType::kInt8:
      throw Error(ErrorCode::kInvalidModel,
                  "A tensor of bare 8-bit integers has no scales here; give it as another type.");
    case DType::kQ8_0:
      return blocks<DType::kQ8_0, q8_0>(stored, count, out);
    case DType::kQ4_0:
      return blocks<DType::kQ4_0, q4_0>(stored, count, out);
    case DType::kQ4_1:
      return blocks<DType::kQ4_1, q4_1>(stored, count, out);
    case DType::kQ5_0:
      return blocks<DType::kQ5_0, q5_0>(stored, count, out);
    case DType::kQ5_1:
      return blocks<DType::kQ5_1, q5_1>(stored, count, out);
    case DType::kQ4_K:
      return blocks<DType::kQ4_K, q4_k>(stored, count, out);
    case DType::kQ5_K:
      return blocks<DType::kQ5_K, q5_k>(stored, count, out);
    case DType::kQ6_K:
      return blocks<DType::kQ6_K, q6_k>(stored, count, out);
  }
}

std::vector<float> to_f32(const Tensor& tensor) {
  std::vector<float> values(tensor.elements());
  dequantise(tensor.dtype, tensor.data.data(), values.size(), values.data());
  return values;
}

}  // namespace stateline::formats
