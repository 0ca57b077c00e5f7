#include "engine/cuda_weights.h"

namespace stateline::engine {

using kernels::PackedMatrix;
using kernels::cuda::PackedWeights;
using kernels::cuda::WeightMatrix;

CudaWeights::CudaWeights(CudaGpu gpu, const Model& model) {
  const auto upload_all = [&](auto& uploaded, const auto& tables) {
    for (const auto& table : tables) uploaded.emplace_back(gpu, std::span(table));
  };
  for (const PackedMatrix& W : model.weights().matrices) matrices_.push_back(upload(gpu, W));
  upload_all(vectors_, model.weights().vectors);
  upload_all(indices_, model.plan().indices());
  gpu.finish();
}

CudaWeights::Uploaded CudaWeights::upload(CudaGpu gpu, const PackedMatrix& W) {
  const PackedWeights packed = kernels::cuda::pack_weights(W);
  return {kernels::cuda::format_for(W.type()),
          W.rows(),
          W.cols(),
          {gpu, std::span(packed.values)},
          {gpu, std::span(packed.scale)}};
}

WeightMatrix CudaWeights::operator[](models::Matrix matrix) const {
  const Uploaded& W = matrices_[matrix.index];
  return {W.format, W.n, W.k, W.values.data(), W.scale.data(), nullptr};
}

}  // namespace stateline::engine
