// What went wrong on a GPU, as one sentence for the person.
#pragma once

#include <stdexcept>
#include <string>

#include "kernels/cuda/platform.cuh"

namespace stateline::cuda {

class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws unless CUDA says that all is well. What a kernel did wrong shows at a later call.
inline void check(cudaError_t error) {
  if (error == cudaSuccess) return;
  throw Failure(std::string("The GPU failed: ") + cudaGetErrorString(error) + ".");
}

}  // namespace stateline::cuda
