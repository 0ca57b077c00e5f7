#include "engine/weights.h"

#include <set>
#include <string>

namespace stateline::engine {
namespace {

using formats::DType;
using formats::Safetensors;
using formats::Tensor;
using kernels::PackedMatrix;

PackedMatrix read_matrix(const models::MatrixSpec& spec, const Safetensors& file) {
  const std::string& name = spec.parts.front().name;
  const std::size_t n = spec.rows(), k = spec.cols;
  const Tensor& tensor = file.require(name, {n, k});
  if (tensor.dtype == DType::kI8) {
    const std::vector<float> scale = file.require_f32(name + "_scale", {n});
    return PackedMatrix::pack(stateline::DType::kInt8, tensor.data.data(), scale.data(), n, k);
  }
  file.require_f32(name, {n, k});  // for its look at each value
  const stateline::DType type =
      tensor.dtype == DType::kF32 ? stateline::DType::kF32 : stateline::DType::kBF16;
  return PackedMatrix::pack(type, tensor.data.data(), nullptr, n, k);
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
    std::vector<float> values = file.require_f32(spec.name, spec.shape);
    if (counted.insert(spec.name).second) weights.parameters += values.size();
    if (spec.prepare) values = spec.prepare(std::move(values));
    weights.bytes += values.size() * sizeof(float);
    weights.vectors.push_back(std::move(values));
  }
  return weights;
}

}  // namespace stateline::engine
