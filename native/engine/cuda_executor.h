// The GPU's passes: reads tokens into branches and predicts what follows.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/cuda_ops.h"
#include "engine/executor.h"
#include "models/pass.h"

namespace stateline::engine {

class CudaExecutor : public Executor {
 public:
  // Uploads the weights. Throws Error(kDevice) if the GPU has no kernel for what the network does.
  // The device outlives the executor, which keeps it.
  CudaExecutor(std::shared_ptr<Device> device, CudaGpu gpu, const Model& model);

  void advance(Branch& branch, std::span<const std::int32_t> tokens, Wanted wanted) override;
  void logits_of_rows(std::size_t first, std::size_t rows, float* out) override;
  void logits(std::span<const Buffer* const> hidden, float* out) override;
  // The engine's own, which feeds the GPU.
  unsigned threads() const override { return 1; }

 private:
  void allocate();
  void rehearse();
  void put_pages(std::span<std::byte* const> pages);
  void read(const StateShape& shape, std::span<const std::int32_t> tokens,
            const models::TextMemory& memory);
  void read_one(const StateShape& shape, std::span<const std::int32_t> token,
                const models::TextMemory& memory);
  void predict(models::Rows hidden, std::size_t rows, float* out);
  void launch_head(models::Rows hidden, std::size_t rows);

  std::shared_ptr<Device> device_;
  CudaGpu gpu_;
  const Model& model_;
  std::vector<CudaArray<std::byte>> memory_;  // of the scratch
  std::vector<models::Rows> scratch_;         // [plan.scratch()], row-major [kPrefillChunk, width]
  CudaArray<std::byte*> pages_;               // a table as the kernels read it
  CudaArray<float> history_;                  // what the convolutions read before the tokens
  CudaArray<float> step_conv_;                // of a single token: what they read last
  CudaArray<float> step_recurrent_;           // of a single token: before it and after it
  CudaArray<kernels::cuda::bf16> normed_;     // [kScoreRows, d]
  CudaArray<float> logits_;                   // [kScoreRows, vocab]
  std::vector<std::size_t> wanted_;           // rows that the last layer finishes
  std::optional<CudaWeights> weights_;
  CudaOps ops_;
};

}  // namespace stateline::engine
