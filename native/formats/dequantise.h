// Stored numbers to f32: of every type in tensors/dtype.h but kInt8, whose scales stand in another
// tensor (it is refused). The values are those of GGUF's reference (PyPI gguf, gguf/quants.py), bit
// for bit.
#pragma once

#include <cstddef>
#include <vector>

#include "formats/tensor.h"

namespace stateline::formats {

// `stored` [count / block.values * block.bytes], at any address; `out` [count]. `count` is a whole
// number of blocks, so rows and runs of rows can be converted apart, on as many threads.
void dequantise(DType type, const std::byte* stored, std::size_t count, float* out);

// The whole tensor.
std::vector<float> to_f32(const Tensor& tensor);

}  // namespace stateline::formats
