#include "formats/tensor.h"

#include <limits>

namespace stateline::formats {

std::size_t Tensor::elements() const {
  std::size_t product = 1;
  for (const std::size_t size : shape) product *= size;
  return product;
}

std::optional<std::uint64_t> stored_bytes(DType dtype, const std::vector<std::size_t>& shape) {
  const Block block = block_of(dtype);
  const std::size_t row = shape.empty() ? 1 : shape.back();
  if (row % block.values != 0) return std::nullopt;
  std::uint64_t bytes = block.bytes;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::uint64_t size = i + 1 == shape.size() ? row / block.values : shape[i];
    if (size != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / size) return std::nullopt;
    bytes *= size;
  }
  return bytes;
}

}  // namespace stateline::formats
