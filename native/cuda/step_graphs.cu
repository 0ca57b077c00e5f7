#include "cuda/step_graphs.h"

#include <algorithm>
#include <cstdio>

namespace stateline::cuda {
namespace {

// The first of two errors.
cudaError_t first(cudaError_t one, cudaError_t other) { return one == cudaSuccess ? other : one; }

// The launches as a graph that waits for its first replay, or CUDA's error.
cudaError_t record(const StepGraphs::Launches& launches, cudaStream_t stream, cudaGraph_t& graph) {
  // Other threads may use the GPU meanwhile; they have other streams.
  const cudaError_t begun = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  if (begun != cudaSuccess) return begun;
  try {
    launches(stream);
  } catch (...) {
    if (cudaStreamEndCapture(stream, &graph) == cudaSuccess) cudaGraphDestroy(graph);
    throw;
  }
  // A launch that is refused is missing in the graph, and the graph may still be whole for CUDA.
  const cudaError_t launched = cudaGetLastError();
  return first(launched, cudaStreamEndCapture(stream, &graph));
}

}  // namespace

StepGraphs::StepGraphs() {
  check(cudaStreamCreateWithFlags(&capture_stream_, cudaStreamNonBlocking));
}

void StepGraphs::run(const Step& step, cudaStream_t stream, const Launches& launches) {
  Entry* entry = find(step);
  // Most steps of a cache that grows never come again, and the first run loads the kernels, which
  // no capture should have to do.
  if (entry == nullptr) {
    entries_.push_front({step, {}});
    if (entries_.size() > kMost) entries_.pop_back();
    return launches(stream);
  }
  if (!entry->graph && !gave_up_) entry->graph = capture(launches, stream);
  if (!entry->graph) return launches(stream);
  entry->graph.replay(stream);
}

StepGraphs::Entry* StepGraphs::find(const Step& step) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.step == step; });
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return &entries_.front();
}

Graph StepGraphs::capture(const Launches& launches, cudaStream_t stream) {
  cudaGraph_t recorded = nullptr;
  cudaGraphExec_t graph = nullptr;
  cudaError_t error = record(launches, capture_stream_, recorded);
  if (error == cudaSuccess) error = cudaGraphInstantiate(&graph, recorded, 0);
  if (recorded != nullptr) cudaGraphDestroy(recorded);
  Graph whole(graph);
  // Takes the memory that it needs now, so that a replay does not run out of it.
  if (error == cudaSuccess) error = cudaGraphUpload(graph, stream);
  if (error == cudaSuccess) return whole;
  cudaGetLastError();  // it was seen
  gave_up_ = true;
  std::fprintf(stderr,
               "The GPU cannot capture the launches of a decoded token (%s); they are launched one "
               "by one.\n",
               cudaGetErrorString(error));
  return {};
}

}  // namespace stateline::cuda
