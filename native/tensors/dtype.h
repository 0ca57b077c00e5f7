// How the numbers of a tensor are stored: the one list that files, kernels and devices share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stateline {

// Values that stand alone, then those that share scales with their neighbours in a row. The names
// of the latter, and the bits inside a block, are GGUF's.
enum class DType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kInt8,  // one f32 scale a row, which stands in a tensor beside it
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ4_K,
  kQ5_K,
  kQ6_K,
};

// What is stored as one piece: so many values of a row in so many bytes.
struct Block {
  std::size_t values, bytes;
};

constexpr Block block_of(DType type) {
  switch (type) {
    case DType::kF32:
      return {1, 4};
    case DType::kF16:
    case DType::kBF16:
      return {1, 2};
    case DType::kInt8:
      return {1, 1};
    case DType::kQ8_0:
      return {32, 34};
    case DType::kQ4_0:
      return {32, 18};
    case DType::kQ4_1:
      return {32, 20};
    case DType::kQ5_0:
      return {32, 22};
    case DType::kQ5_1:
      return {32, 24};
    case DType::kQ4_K:
      return {256, 144};
    case DType::kQ5_K:
      return {256, 176};
    case DType::kQ6_K:
      return {256, 210};
  }
  return {1, 4};
}

// For a person.
constexpr std::string_view name_of(DType type) {
  constexpr std::string_view names[] = {"f32",  "f16",  "bf16", "int8", "q8_0", "q4_0",
                                        "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k"};
  return names[static_cast<std::size_t>(type)];
}

}  // namespace stateline
