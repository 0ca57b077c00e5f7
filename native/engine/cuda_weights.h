// A model's tables on a GPU, uploaded once.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/cuda_memory.h"
#include "engine/model.h"

namespace stateline::engine {

class CudaWeights {
 public:
  // bf16 and int8 by the row stay as they are; all else becomes bf16.
  CudaWeights(CudaGpu gpu, const Model& model);

  // In the GPU's memory.
  kernels::cuda::WeightMatrix operator[](models::Matrix matrix) const;
  const float* operator[](models::Vector vector) const {
    return vectors_[vector.index].data() + vector.offset;
  }
  const std::uint32_t* operator[](models::Indices indices) const {
    return indices_[indices.index].data() + indices.offset;
  }

 private:
  struct Uploaded {
    kernels::cuda::WeightFormat format;
    std::size_t n, k;
    CudaArray<std::byte> values;
    CudaArray<float> scale;
  };
  static Uploaded upload(CudaGpu gpu, const kernels::PackedMatrix& W);

  std::vector<Uploaded> matrices_;
  std::vector<CudaArray<float>> vectors_;
  std::vector<CudaArray<std::uint32_t>> indices_;
};

}  // namespace stateline::engine
