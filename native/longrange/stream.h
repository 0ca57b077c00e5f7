// One reading of a byte sequence by a classifier that only looks back, so that it goes piece by
// piece, and its memory is constant where no channel attends.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "longrange/block.h"
#include "longrange/pages.h"

namespace stateline::longrange {

class Stream {
 public:
  // Both are borrowed. Throws Error(kInvalidArgument) if the model looks both ways.
  Stream(const Model& model, kernels::ThreadPool& pool);

  // Reads on. Looks at `cancellation` (may be null) before each segment; throws Error(kCancelled).
  void read(std::span<const std::uint8_t> tokens,
            const engine::Cancellation* cancellation = nullptr);

  // [classes], of the mean over all tokens so far; as Block's.
  std::vector<float> logits() const { return block_.logits(sum_, token_count_); }

  std::uint64_t token_count() const { return token_count_; }
  // What must be kept to read on: the systems' states, keys and values, and the running sum.
  std::size_t memory_bytes() const;

 private:
  void segment(std::span<const std::uint8_t> tokens);
  void layer(std::size_t index, std::size_t tokens);
  void attend(std::size_t index, std::size_t tokens);

  const Model& model_;
  kernels::ThreadPool& pool_;
  Block block_;
  std::uint64_t token_count_ = 0;
  std::vector<std::vector<float>> states_;  // [layers][p, padded N]
  Pages pages_;
  std::vector<std::uint32_t> head_numbers_;   // 0 .. heads - 1
  std::vector<float> query_scale_;            // [heads]
  std::vector<double> sum_;                   // [d] of the last layer's normalised rows
  std::vector<float> x_, projected_, mixed_;  // [kSegment, d]
  std::vector<float> qkv_;                    // [kSegment, 3 q]
};

}  // namespace stateline::longrange
