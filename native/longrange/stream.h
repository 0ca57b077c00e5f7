// One reading of a byte sequence by a classifier: causal, so that it goes piece by piece, and its
// memory is constant where no channel attends.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/buffer.h"
#include "engine/cpu_device.h"
#include "engine/scheduler.h"
#include "kernels/thread_pool.h"
#include "longrange/model.h"

namespace stateline::longrange {

// So many tokens go through a layer together: its rows then stay in the second-level cache.
inline constexpr std::size_t kSegment = 512;

class Stream {
 public:
  // Both are borrowed.
  Stream(const Model& model, kernels::ThreadPool& pool);

  // Reads on. Looks at `cancellation` (may be null) before each segment; throws Error(kCancelled).
  void read(std::span<const std::uint8_t> tokens,
            const engine::Cancellation* cancellation = nullptr);

  // [classes], of the mean over all tokens so far, of which there is at least one. Throws
  // Error(kInvalidModel) if the network left the finite numbers.
  std::vector<float> logits() const;

  std::uint64_t token_count() const { return token_count_; }
  // What must be kept to read on: the systems' states, keys and values, and the running sum.
  std::size_t memory_bytes() const;

 private:
  void segment(std::span<const std::uint8_t> tokens);
  void layer(std::size_t index, std::size_t tokens);
  void attend(std::size_t index, std::size_t tokens);
  void reserve_pages(std::size_t tokens);

  const Model& model_;
  kernels::ThreadPool& pool_;
  std::uint64_t token_count_ = 0;
  std::vector<std::vector<float>> states_;  // [layers][p, padded N]
  std::shared_ptr<engine::Storage> storage_ = std::make_shared<engine::CpuDevice>();
  std::vector<engine::Buffer> pages_;  // 32 tokens each: [layers][heads] slots
  std::vector<const std::byte*> page_starts_;
  std::vector<std::uint32_t> head_numbers_;  // 0 .. heads - 1
  std::vector<float> query_scale_;           // [heads]
  std::vector<double> sum_;                  // [d] of the last layer's normalised rows
  // Rows of a segment.
  std::vector<float> x_, h_, projected_, mixed_;  // [kSegment, d]
  std::vector<float> gated_;                      // [kSegment, 2 d]
  std::vector<float> qkv_;                        // [kSegment, 3 q]
  std::vector<float> cosines_, sines_;            // [kSegment, head width / 2]
};

// The logits of a whole sequence, on `threads` threads of its own.
struct Classification {
  std::vector<float> logits;  // [classes]
  std::size_t memory_bytes;   // of the stream at the end of the sequence
};
Classification classify(const Model& model, unsigned threads, std::span<const std::uint8_t> tokens,
                        const engine::Cancellation* cancellation = nullptr);

}  // namespace stateline::longrange
