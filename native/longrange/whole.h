// One reading of a whole byte sequence by a classifier that looks both ways: layer by layer, each
// from the end to the beginning and then from the beginning to the end.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "longrange/block.h"
#include "longrange/pages.h"

namespace stateline::longrange {

class Whole {
 public:
  // Both are borrowed.
  Whole(const Model& model, kernels::ThreadPool& pool);

  // [classes] of the sequence; as Block's. Looks at `cancellation` (may be null) before each
  // segment of each layer; throws Error(kCancelled).
  std::vector<float> read(std::span<const std::uint8_t> tokens,
                          const engine::Cancellation* cancellation = nullptr);

  // What the last reading held: three rows of d numbers a token, and keys and values.
  std::size_t memory_bytes() const;

 private:
  struct Segment {
    std::size_t first, count;  // tokens
  };

  void backwards(std::size_t index, Segment segment);
  void forwards(std::size_t index, Segment segment);
  void attend(std::size_t index, Segment segment);

  const Model& model_;
  kernels::ThreadPool& pool_;
  Block block_;
  Pages pages_;
  std::size_t length_ = 0;
  std::vector<float> x_, projected_, mixed_;  // [T, d]
  std::vector<float> queries_;                // [T, q]
  std::vector<float> state_;                  // [p, padded N] of the way that is gone
  // Of a segment.
  std::vector<float> turned_, read_;       // [kSegment, p]
  std::vector<float> qkv_;                 // [kSegment, 3 q]
  std::vector<float> by_head_, attended_;  // [heads, kSegment, head width]
  std::vector<std::uint32_t> rows_;        // 0 .. heads kSegment - 1
  std::vector<float> query_scale_;         // [heads kSegment]
};

// The logits of a whole sequence by any classifier, on `threads` threads of its own.
struct Classification {
  std::vector<float> logits;  // [classes]
  std::size_t memory_bytes;   // held at the end of the sequence
};
Classification classify(const Model& model, unsigned threads, std::span<const std::uint8_t> tokens,
                        const engine::Cancellation* cancellation = nullptr);

}  // namespace stateline::longrange
