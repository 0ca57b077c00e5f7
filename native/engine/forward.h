// The processor's forward pass: reads tokens into a branch, by the same arithmetic for a prefill
// chunk as for one decoded token. The model's mathematics stands in docs/architecture.md, the
// kernels' in kernels/*.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/executor.h"
#include "engine/model.h"
#include "kernels/thread_pool.h"

namespace stateline::engine {

class Forward {
 public:
  // `max_tokens`: the longest chunk that advance() will be given; its scratch is allocated here.
  Forward(const Model& model, kernels::ThreadPool& pool, std::size_t max_tokens);

  // Reads 1..max_tokens token ids, all below the vocabulary's size. The last token's hidden vector
  // goes to branch.hidden(); with kAll all of them stay in hidden() until the next call.
  void advance(Branch& branch, std::span<const std::int32_t> tokens, Wanted wanted = Wanted::kLast);

  const float* hidden() const { return x_.data(); }  // [tokens, d]

  std::size_t max_tokens() const { return max_tokens_; }

 private:
  void embed(std::span<const std::int32_t> tokens);
  void run_layer(std::size_t layer, Branch& branch, std::size_t tokens, std::size_t first_wanted);
  void mix_state_heads(const std::uint32_t* heads, float* ssm, std::size_t count,
                       std::size_t tokens);
  void write_pages(std::size_t layer, const std::uint32_t* heads, Branch& branch,
                   std::size_t tokens);
  void attend(std::size_t layer, const std::uint32_t* heads, Branch& branch, std::size_t tokens,
              std::size_t first_wanted);
  void mlp(const LayerWeights& w, std::size_t rows, float* x);

  const Model& model_;
  kernels::ThreadPool& pool_;
  const kernels::Kernels& kernels_;
  std::size_t max_tokens_;

  // Scratch, row-major [max_tokens, width].
  std::vector<float> x_;                // d: the residual stream
  std::vector<float> h_;                // d: normalised input, then a projection's output
  std::vector<float> u_;                // in_proj rows: q k v z dt
  std::vector<float> qkv_;              // C: after the convolution
  std::vector<float> y_;                // H V: mixed values
  std::vector<float> gate_up_;          // 2 F
  std::vector<float> dt_, a_, log_dt_;  // H
};

// Logits of `rows` hidden vectors [rows, d]: out [rows, vocab].
class LogitsHead {
 public:
  LogitsHead(const Model& model, kernels::ThreadPool& pool, std::size_t max_rows);
  void compute(const float* hidden, std::size_t rows, float* out);

 private:
  const Model& model_;
  kernels::ThreadPool& pool_;
  [[maybe_unused]] std::size_t max_rows_;
  std::vector<float> normed_;  // [max_rows, d]
};

}  // namespace stateline::engine
