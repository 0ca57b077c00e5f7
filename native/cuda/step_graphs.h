// The launches of a decoded token, captured once and replayed by one call (CUDA graphs): a small
// model's kernels take no longer than launching them one by one.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <utility>

#include "cuda/failure.h"
#include "cuda/library.h"

namespace stateline::cuda {

// A captured sequence of launches, or none.
class Graph {
 public:
  Graph() = default;
  explicit Graph(cudaGraphExec_t launches) : launches_(launches) {}
  ~Graph() {
    if (launches_ != nullptr) cudaGraphExecDestroy(launches_);
  }
  Graph(Graph&& other) noexcept : launches_(std::exchange(other.launches_, nullptr)) {}
  Graph& operator=(Graph&& other) noexcept {
    std::swap(launches_, other.launches_);
    return *this;
  }

  explicit operator bool() const { return launches_ != nullptr; }
  void replay(cudaStream_t stream) const { check(cudaGraphLaunch(launches_, stream)); }

 private:
  cudaGraphExec_t launches_ = nullptr;  // owned
};

// The graphs of the steps that were met last. Used by one thread at a time; a graph is not replayed
// before its last replay has ended.
class StepGraphs {
 public:
  // At a window's end tokens have 32 places, one for each row of a page: two ratios in turn fit.
  static constexpr std::size_t kMost = 64;

  using Launches = std::function<void(cudaStream_t)>;

  StepGraphs();
  ~StepGraphs() { cudaStreamDestroy(capture_stream_); }
  StepGraphs(const StepGraphs&) = delete;
  StepGraphs& operator=(const StepGraphs&) = delete;

  // Asks `stream` for the step's launches: one by one at first, then as a graph. `launches`
  // launches them on the stream that it is given, and does nothing else; what it throws passes
  // through. If they cannot be captured, one line on standard error says so, and no others are from
  // then on.
  void run(const Step& step, cudaStream_t stream, const Launches& launches);

 private:
  struct Entry {
    Step step;
    Graph graph;  // none if the step was met once
  };

  // The step's entry, now the first, or null if it is not remembered.
  Entry* find(const Step& step);
  Graph capture(const Launches& launches, cudaStream_t stream);

  cudaStream_t capture_stream_ = nullptr;  // owned; nothing ever runs there
  std::list<Entry> entries_;               // the newest first
  bool gave_up_ = false;
};

}  // namespace stateline::cuda
