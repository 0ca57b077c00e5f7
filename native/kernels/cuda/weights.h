// Weight matrices W [n, k] as the GPU reads them: row by row, each row padded with zeros to a
// multiple of 32 weights, so that any run of eight is whole and aligned.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/cuda/types.h"
#include "kernels/packed_matrix.h"

namespace stateline::kernels::cuda {

// int8: w = value * scale[row]. int4: two a byte, the lower half first, w = (nibble - 8) *
// group_scale[row][col / 32]: 4.5 bits a weight.
enum class WeightFormat { bf16, int8, int4 };

constexpr size_t kWeightGroup = 32;

constexpr size_t padded_cols(size_t k) {
  return (k + kWeightGroup - 1) / kWeightGroup * kWeightGroup;
}

// In device memory.
struct WeightMatrix {
  WeightFormat format;
  size_t n, k;
  const void* values;       // [n, padded_cols(k)]
  const float* scale;       // [n], int8 only
  const bf16* group_scale;  // [n, padded_cols(k) / 32], int4 only
};

// The same on the host, before it is copied.
struct PackedWeights {
  std::vector<std::byte> values;
  std::vector<float> scale;
  std::vector<bf16> group_scale;
};

// Rounds W [n, k] to the format: int8 by the greatest of each row, int4 by that of each group.
PackedWeights pack_weights(WeightFormat format, const float* W, size_t n, size_t k);
// The processor's weights as the GPU reads them: bf16 and int8 by the row stay as they are, all
// else becomes bf16.
WeightFormat format_for(DType type);
PackedWeights pack_weights(const PackedMatrix& W);
// What the packed weights stand for, [n, k].
std::vector<float> unpack_weights(WeightFormat format, const PackedWeights& packed, size_t n,
                                  size_t k);

}  // namespace stateline::kernels::cuda
