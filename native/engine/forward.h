// The processor's forward pass: reads tokens into branches, by the same arithmetic for a prefill
// chunk as for one decoded token. A pass streams the weights once, whatever it reads: many tokens
// of one text, or one token of each of many. The model's mathematics stands in
// docs/architecture.md, the kernels' in kernels/*.h.
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

  // As in executor.h, with 1..max_tokens token ids. With kAll all tokens' hidden vectors stay in
  // hidden() until the next call.
  void advance(Branch& branch, std::span<const std::int32_t> tokens, Wanted wanted = Wanted::kLast);
  std::vector<StatePtr> advance_through(Branch& branch, std::span<const std::int32_t> tokens,
                                        std::span<const std::size_t> checkpoints);
  void step(std::span<Branch* const> branches, std::span<const std::int32_t> tokens);

  const float* hidden() const { return x_.data(); }  // [tokens, d]

  std::size_t max_tokens() const { return max_tokens_; }

 private:
  // A memory to fill on the way.
  struct Checkpoint {
    std::size_t tokens;  // of the text, read so far
    Memory memory;
  };
  // What a pass reads into one branch.
  struct Text {
    Branch& branch;
    std::size_t first, tokens;               // rows of the scratch
    std::span<Checkpoint> checkpoints = {};  // ascending
  };

  // Fills all but the hidden vectors, which hidden() then has: those of the rows in wanted_.
  void run(std::span<Text> texts, std::span<const std::int32_t> tokens);
  void keep_hidden(std::size_t row, Buffer& hidden) const;
  void embed(std::span<const std::int32_t> tokens);
  void mix(std::size_t layer, std::span<Text> texts, std::size_t rows, std::size_t first_wanted);
  void convolve(std::size_t layer, Text& text);
  void mix_state_heads(std::size_t layer, Text& text);
  void run_recurrence(std::size_t layer, std::size_t first, std::size_t tokens, float* ssm,
                      std::size_t heads);
  void write_pages(std::size_t layer, Text& text);
  void attend(std::size_t layer, const Text& text, std::size_t first_wanted);
  void gate(std::size_t layer, std::size_t state_heads, std::size_t first, std::size_t rows);
  void keep_wanted_rows();
  void project(const LayerWeights& w, std::size_t rows);

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
  std::vector<std::size_t> wanted_;     // rows that the last layer finishes, ascending
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
