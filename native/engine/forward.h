// The processor's passes: reads tokens into branches, by the same arithmetic for a prefill chunk as
// for one decoded token.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/cpu_ops.h"
#include "engine/executor.h"
#include "engine/model.h"
#include "kernels/thread_pool.h"
#include "models/pass.h"

namespace stateline::engine {

class Forward {
 public:
  // `max_tokens`: the longest chunk that advance() will be given; its scratch is allocated here.
  Forward(const Model& model, kernels::ThreadPool& pool, std::size_t max_tokens);

  // As in executor.h, with 1..max_tokens token ids. With kAll all tokens' hidden vectors stay in
  // hidden() until the next call.
  void advance(Branch& branch, std::span<const std::int32_t> tokens, Wanted wanted = Wanted::kLast);
  std::vector<StatePtr> advance_through(Branch& branch, std::span<const std::int32_t> tokens,
                                        std::span<const std::size_t> checkpoints);
  void step(std::span<Branch* const> branches, std::span<const std::int32_t> tokens);

  const float* hidden() const { return scratch_[model_.plan().stream.index].floats(); }  // [L, d]

 private:
  // Fills all but the hidden vectors, which hidden() then has: those of the rows in wanted_.
  void run(const StateShape& shape, std::span<const std::int32_t> tokens);
  void keep_hidden(std::size_t row, Buffer& hidden) const;

  const Model& model_;
  CpuOps ops_;
  [[maybe_unused]] std::size_t max_tokens_;
  std::vector<float> memory_;          // of the scratch
  std::vector<models::Rows> scratch_;  // [plan.scratch()], row-major [max_tokens, width]
  std::vector<models::Text> texts_;
  std::vector<std::size_t> wanted_;  // rows that the last layer finishes, ascending
};

// Logits of `rows` hidden vectors [rows, d]: out [rows, vocab].
class LogitsHead {
 public:
  LogitsHead(const Model& model, kernels::ThreadPool& pool, std::size_t max_rows);
  void compute(const float* hidden, std::size_t rows, float* out);
  // Of vectors that lie apart: out [hidden, vocab].
  void compute(std::span<const Buffer* const> hidden, float* out);

 private:
  const Model& model_;
  kernels::ThreadPool& pool_;
  [[maybe_unused]] std::size_t max_rows_;
  std::vector<float> gathered_, normed_;  // [max_rows, d]
};

}  // namespace stateline::engine
