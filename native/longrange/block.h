// What a layer does to a segment's rows before and after the mixing of tokens, and the answer at
// the end: the same for streams and for readers of the whole.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/scheduler.h"
#include "kernels/thread_pool.h"
#include "longrange/model.h"

namespace stateline::longrange {

// So many tokens go through a layer together: its rows then stay in the second-level cache.
inline constexpr std::size_t kSegment = 512;

// Rows of a segment that live from one product to the next.
class Block {
 public:
  // Both are borrowed.
  Block(const Model& model, kernels::ThreadPool& pool);

  // x [tokens, d] of the bytes.
  void embed(std::span<const std::uint8_t> bytes, float* x) const;
  // projected [tokens, d] = in_proj rms_norm(x).
  void project(const Layer& layer, std::size_t tokens, const float* x, float* projected);
  // qkv [tokens, 3 q] of the attending channels of projected, queries and keys rotated.
  void queries(const Layer& layer, std::uint64_t position, std::size_t tokens,
               const float* projected, float* qkv);
  // x += GLU(gelu(mixed)); mixed [tokens, d] is used up.
  void mix(const Layer& layer, std::size_t tokens, float* mixed, float* x);
  // sum [d] += the rows of rms_norm(x).
  void pool_rows(std::size_t tokens, const float* x, std::vector<double>& sum);
  // [classes] of the mean of `tokens` rows, at least one. Throws Error(kInvalidModel) if the
  // network left the finite numbers.
  std::vector<float> logits(const std::vector<double>& sum, std::uint64_t tokens) const;

 private:
  const Model& model_;
  kernels::ThreadPool& pool_;
  std::vector<float> h_;                // [kSegment, d]
  std::vector<float> gated_;            // [kSegment, 2 d]
  std::vector<float> cosines_, sines_;  // [kSegment, head width / 2]
};

// Throws Error(kCancelled) if the request (may be null) was taken back.
void check(const engine::Cancellation* cancellation);

}  // namespace stateline::longrange
