// Where the launches of one thread go: to the GPU's stream, or, while a step is captured, into its
// graph.
#pragma once

#include <functional>

#include "cuda/gpu.h"
#include "cuda/step_graphs.h"

namespace stateline::cuda {

struct Queue {
 public:
  explicit Queue(Gpu& gpu) : gpu_(gpu), stream_(gpu.stream()) {}

  Gpu& gpu() { return gpu_; }
  cudaStream_t stream() const { return stream_; }

  // See library.h.
  void run(const Step& step, const std::function<void()>& launches) {
    graphs_.run(step, gpu_.stream(), [&](cudaStream_t stream) {
      const Redirected redirected(stream_, stream);
      launches();
    });
  }

 private:
  // For as long as it lives.
  struct Redirected {
    Redirected(cudaStream_t& place, cudaStream_t stream)
        : place_(place), before_(std::exchange(place, stream)) {}
    ~Redirected() { place_ = before_; }
    Redirected(const Redirected&) = delete;
    Redirected& operator=(const Redirected&) = delete;
    cudaStream_t &place_, before_;
  };

  Gpu& gpu_;
  cudaStream_t stream_;
  StepGraphs graphs_;
};

}  // namespace stateline::cuda
