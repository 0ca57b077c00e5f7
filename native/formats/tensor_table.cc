#include "formats/tensor_table.h"

#include <algorithm>
#include <cmath>

#include "formats/dequantise.h"
#include "formats/json.h"
#include "formats/refusal.h"

namespace stateline::formats {
namespace {

std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string text = "[";
  for (const std::size_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

}  // namespace

const Tensor* TensorTable::find(const std::string& name) const {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? nullptr : &it->second;
}

const Tensor& TensorTable::require(const std::string& name,
                                   const std::vector<std::size_t>& shape) const {
  const Tensor* tensor = find(name);
  if (tensor == nullptr) refuse(name_, "tensor " + quoted(name) + " is missing");
  if (tensor->shape != shape) {
    refuse(name_, "tensor " + quoted(name) + " has shape " + shape_text(tensor->shape) +
                      " where the configuration asks for " + shape_text(shape));
  }
  return *tensor;
}

std::vector<float> TensorTable::require_f32(const std::string& name,
                                            const std::vector<std::size_t>& shape) const {
  const Tensor& tensor = require(name, shape);
  if (tensor.dtype == DType::kInt8)
    refuse(name_, "tensor " + quoted(name) + " must not be of bare 8-bit integers");
  std::vector<float> values = to_f32(tensor);
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
    refuse(name_, "tensor " + quoted(name) + " holds a value that is not finite");
  return values;
}

}  // namespace stateline::formats
