#include "kernels/cuda/weights.h"

#include <algorithm>
#include <cstring>

namespace stateline::kernels::cuda {
namespace {

constexpr float kInt8Range = 127, kInt8Lowest = 128, kInt4Range = 7;

float greatest(const float* begin, size_t count) {
  float top = 0;
  for (size_t i = 0; i < count; ++i) top = std::fmax(top, std::fabs(begin[i]));
  return top;
}

int quantise(float value, float scale, float range) {
  if (scale == 0) return 0;
  return static_cast<int>(std::clamp(std::nearbyint(value / scale), -range, range));
}

void pack_bf16_row(const float* row, size_t k, std::byte* out) {
  for (size_t c = 0; c < k; ++c) {
    const bf16 value = narrow(row[c]);
    std::memcpy(out + c * sizeof(bf16), &value, sizeof(bf16));
  }
}

void pack_int8_row(const float* row, size_t k, float scale, float range, std::byte* out) {
  for (size_t c = 0; c < k; ++c) out[c] = static_cast<std::byte>(quantise(row[c], scale, range));
}

void pack_int4_row(const float* row, size_t k, std::byte* out, bf16* scales) {
  for (size_t begin = 0; begin < padded_cols(k); begin += kWeightGroup) {
    const size_t count = begin < k ? std::min(kWeightGroup, k - begin) : 0;
    bf16& scale = scales[begin / kWeightGroup];
    scale = narrow(greatest(row + begin, count) / kInt4Range);
    for (size_t i = 0; i < kWeightGroup; ++i) {
      const int value = i < count ? quantise(row[begin + i], widen(scale), kInt4Range) : 0;
      out[(begin + i) / 2] |= static_cast<std::byte>((value + 8) << i % 2 * 4);
    }
  }
}

size_t row_bytes(WeightFormat format, size_t k) {
  if (format == WeightFormat::bf16) return padded_cols(k) * sizeof(bf16);
  return format == WeightFormat::int8 ? padded_cols(k) : padded_cols(k) / 2;
}

}  // namespace

PackedWeights pack_weights(WeightFormat format, const float* W, size_t n, size_t k) {
  PackedWeights packed;
  const size_t bytes = row_bytes(format, k), groups = padded_cols(k) / kWeightGroup;
  packed.values.resize(n * bytes);
  if (format == WeightFormat::int8) packed.scale.resize(n);
  if (format == WeightFormat::int4) packed.group_scale.resize(n * groups);
  for (size_t row = 0; row < n; ++row) {
    std::byte* out = packed.values.data() + row * bytes;
    if (format == WeightFormat::bf16) pack_bf16_row(W + row * k, k, out);
    if (format == WeightFormat::int8) {
      packed.scale[row] = greatest(W + row * k, k) / kInt8Range;
      pack_int8_row(W + row * k, k, packed.scale[row], kInt8Range, out);
    }
    if (format == WeightFormat::int4)
      pack_int4_row(W + row * k, k, out, &packed.group_scale[row * groups]);
  }
  return packed;
}

WeightFormat format_for(DType type) {
  return type == DType::kInt8 ? WeightFormat::int8 : WeightFormat::bf16;
}

PackedWeights pack_weights(const PackedMatrix& W) {
  const WeightFormat format = format_for(W.type());
  const size_t bytes = row_bytes(format, W.cols());
  PackedWeights packed;
  packed.values.resize(W.rows() * bytes);
  if (format == WeightFormat::int8) packed.scale.assign(W.scale(), W.scale() + W.rows());
  std::vector<float> row(W.cols());
  for (size_t n = 0; n < W.rows(); ++n) {
    W.copy_row(n, row.data());
    std::byte* out = packed.values.data() + n * bytes;
    if (format == WeightFormat::bf16) pack_bf16_row(row.data(), row.size(), out);
    // A value divided by its own scale is the integer again, up to f32's rounding.
    if (format == WeightFormat::int8)
      pack_int8_row(row.data(), row.size(), packed.scale[n], kInt8Lowest, out);
  }
  return packed;
}

std::vector<float> unpack_weights(WeightFormat format, const PackedWeights& packed, size_t n,
                                  size_t k) {
  std::vector<float> W(n * k);
  const size_t bytes = row_bytes(format, k), groups = padded_cols(k) / kWeightGroup;
  for (size_t row = 0; row < n; ++row) {
    const std::byte* values = packed.values.data() + row * bytes;
    for (size_t c = 0; c < k; ++c) {
      float& w = W[row * k + c];
      if (format == WeightFormat::bf16) {
        bf16 value;
        std::memcpy(&value, values + c * sizeof(bf16), sizeof(bf16));
        w = widen(value);
      } else if (format == WeightFormat::int8) {
        w = static_cast<float>(static_cast<int8_t>(values[c])) * packed.scale[row];
      } else {
        const int nibble = static_cast<int>(values[c / 2]) >> c % 2 * 4 & 15;
        w = static_cast<float>(nibble - 8) *
            widen(packed.group_scale[row * groups + c / kWeightGroup]);
      }
    }
  }
  return W;
}

}  // namespace stateline::kernels::cuda
