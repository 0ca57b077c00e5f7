#include "engine/weights.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>

namespace stateline::engine {
namespace {

using formats::DType;
using formats::Safetensors;
using formats::Tensor;
using kernels::PackedMatrix;
using kernels::WeightType;

bool is_whole(const models::MatrixSpec& spec) {
  const models::MatrixSpec::Part& part = spec.parts.front();
  return spec.parts.size() == 1 && part.first == 0 && (part.of == 0 || part.of == part.rows) &&
         part.scale == 1;
}

// A tensor as rows [of, cols], whatever it says of them.
const Tensor& require_rows(const Safetensors& file, const models::MatrixSpec::Part& part,
                           std::size_t cols) {
  const std::size_t of = part.of == 0 ? part.rows : part.of;
  const Tensor* tensor = file.find(part.name);
  const bool stacked = tensor != nullptr && tensor->shape.size() > 2 &&
                       tensor->shape.back() == cols && tensor->elements() == of * cols;
  return stacked ? *tensor : file.require(part.name, {of, cols});
}

PackedMatrix read_whole(const models::MatrixSpec& spec, const Safetensors& file) {
  const std::string& name = spec.parts.front().name;
  const std::size_t n = spec.rows(), k = spec.cols;
  const Tensor& tensor = require_rows(file, spec.parts.front(), k);
  if (tensor.dtype == DType::kI8) {
    const std::vector<float> scale = file.require_f32(name + "_scale", {n});
    return PackedMatrix::pack(WeightType::int8, tensor.data.data(), scale.data(), n, k);
  }
  file.require_f32(name, tensor.shape);  // for its look at each value
  const WeightType type = tensor.dtype == DType::kF32 ? WeightType::f32 : WeightType::bf16;
  return PackedMatrix::pack(type, tensor.data.data(), nullptr, n, k);
}

PackedMatrix read_matrix(const models::MatrixSpec& spec, const Safetensors& file) {
  if (is_whole(spec)) return read_whole(spec, file);
  std::vector<float> all;
  for (const models::MatrixSpec::Part& part : spec.parts) {
    const Tensor& tensor = require_rows(file, part, spec.cols);
    const std::vector<float> values = file.require_f32(part.name, tensor.shape);
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(part.first * spec.cols);
    std::transform(first, first + static_cast<std::ptrdiff_t>(part.rows * spec.cols),
                   std::back_inserter(all), [&](float value) { return value * part.scale; });
  }
  return PackedMatrix::pack(WeightType::f32, all.data(), nullptr, spec.rows(), spec.cols);
}

}  // namespace

Weights read_weights(const models::Plan& plan, const Safetensors& file) {
  Weights weights;
  for (const models::MatrixSpec& spec : plan.matrices()) {
    weights.matrices.push_back(read_matrix(spec, file));
    weights.parameters += spec.rows() * spec.cols;
    weights.bytes += weights.matrices.back().bytes();
  }
  std::set<std::string> counted;  // a tensor may serve twice
  for (const models::VectorSpec& spec : plan.vectors()) {
    std::vector<float> all = spec.values;
    for (const models::VectorSpec::Part& part : spec.parts) {
      std::vector<float> values = file.require_f32(part.name, part.shape);
      if (counted.insert(part.name).second) weights.parameters += values.size();
      if (part.prepare) values = part.prepare(std::move(values));
      all.insert(all.end(), values.begin(), values.end());
    }
    weights.bytes += all.size() * sizeof(float);
    weights.vectors.push_back(std::move(all));
  }
  return weights;
}

}  // namespace stateline::engine
