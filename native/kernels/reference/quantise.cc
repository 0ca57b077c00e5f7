#include "kernels/quantise.h"

#include <array>
#include <cassert>
#include <cstring>
#include <limits>

#include "kernels/packed_matrix.h"
#include "tensors/half.h"

namespace stateline::kernels::reference {
namespace {

bool finite(const float* values, size_t n) {
  bool all = true;
  for (size_t i = 0; i < n; ++i) all &= std::isfinite(values[i]);
  return all;
}

float absmax(const float* values, size_t n) {
  float top = 0;
  for (size_t i = 0; i < n; ++i) top = std::max(top, std::fabs(values[i]));
  return top;
}

// value / scale, rounded and kept within [low, high].
int step(float value, float scale, float low, float high) {
  const float inverse = scale != 0 ? 1 / scale : 0;
  return static_cast<int>(std::nearbyint(std::clamp(value * inverse, low, high)));
}

void to_bf16(const float* row, size_t k, std::byte* out) {
  for (size_t i = 0; i < k; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(row[i]);
    const auto rounded = static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    std::memcpy(out + i * sizeof(rounded), &rounded, sizeof(rounded));
  }
}

void to_int8(const float* row, size_t k, std::byte* out, float* scale) {
  *scale = absmax(row, k) / 127;
  for (size_t i = 0; i < k; ++i) out[i] = static_cast<std::byte>(step(row[i], *scale, -127, 127));
}

void to_q8_0(const float* block, std::byte* out) {
  const uint16_t scale = f16_scale(absmax(block, kBlockValues) / 127);
  std::memcpy(out, &scale, sizeof(scale));
  for (size_t i = 0; i < kBlockValues; ++i)
    out[sizeof(scale) + i] = static_cast<std::byte>(step(block[i], f32_from_f16(scale), -127, 127));
}

double squared_error(const float* block, float scale) {
  double error = 0;
  for (size_t i = 0; i < kBlockValues; ++i) {
    const double off = block[i] - static_cast<double>(scale) * step(block[i], scale, -8, 7);
    error += off * off;
  }
  return error;
}

// The scale for which the integers that `scale` gives would be best.
float fitted(const float* block, float scale) {
  double products = 0, squares = 0;
  for (size_t i = 0; i < kBlockValues; ++i) {
    const int q = step(block[i], scale, -8, 7);
    products += block[i] * static_cast<double>(q);
    squares += q * q;
  }
  return squares > 0 ? static_cast<float>(products / squares) : scale;
}

uint16_t search_scale(const float* block) {
  const auto [low, high] = std::minmax_element(block, block + kBlockValues);
  const float furthest = *high >= -*low ? *high : *low;
  uint16_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  const auto consider = [&](float wanted) {
    const uint16_t scale = f16_scale(wanted);
    const double error = squared_error(block, f32_from_f16(scale));
    if (error >= least) return;
    least = error;
    best = scale;
  };
  for (const float reach : kReaches) consider(furthest / reach);
  consider(fitted(block, f32_from_f16(best)));
  return best;
}

void to_q4_0(const float* block, std::byte* out) {
  const uint16_t half = search_scale(block);
  const float scale = f32_from_f16(half);
  std::memcpy(out, &half, sizeof(half));
  for (size_t i = 0; i < kBlockValues / 2; ++i) {
    const int low = step(block[i], scale, -8, 7) + 8;
    const int high = step(block[i + kBlockValues / 2], scale, -8, 7) + 8;
    out[sizeof(half) + i] = static_cast<std::byte>(low | high << 4);
  }
}

}  // namespace

bool quantise_row(DType type, const float* row, size_t k, std::byte* out, float* scale) {
  if (!finite(row, k)) return false;
  if (type == DType::kF32) std::memcpy(out, row, k * sizeof(float));
  if (type == DType::kBF16) to_bf16(row, k, out);
  if (type == DType::kInt8) to_int8(row, k, out, scale);
  const size_t bytes = block_of(type).bytes;
  for (size_t b = 0; b < k / kBlockValues; ++b) {
    if (type == DType::kQ8_0) to_q8_0(row + b * kBlockValues, out + b * bytes);
    if (type == DType::kQ4_0) to_q4_0(row + b * kBlockValues, out + b * bytes);
  }
  return true;
}

}  // namespace stateline::kernels::reference
