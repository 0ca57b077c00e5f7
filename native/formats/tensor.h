// A tensor as it lies in a model's file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tensors/dtype.h"

namespace stateline::formats {

// A view into the mapped file; the data may lie unaligned. A matrix is [rows, values of a row].
struct Tensor {
  DType dtype;
  std::vector<std::size_t> shape;
  std::span<const std::byte> data;  // stored_bytes(dtype, shape)

  std::size_t elements() const;
};

// What a tensor of this shape takes; nullopt on overflow, or if a row is no whole number of blocks.
std::optional<std::uint64_t> stored_bytes(DType dtype, const std::vector<std::size_t>& shape);

}  // namespace stateline::formats
