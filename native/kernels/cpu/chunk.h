// A chunk of 64 tokens of a recurrent memory, as ssd and the gated delta rule both take it.
#pragma once

#include "kernels/cpu/small_product.h"
#include "kernels/ssd.h"

namespace stateline::kernels::STATELINE_LEVEL {

constexpr size_t kChunk = kSsdChunk;

// What heads that share a key head have in common, in memory that is given: copied as the products
// like it, with zeros past the last token.
class KeyChunk {
 public:
  static constexpr size_t floats(size_t K) { return kChunk * (2 * K + kChunk); }

  KeyChunk(float* memory, size_t K)
      : queries(memory), keys(memory + kChunk * K), scores(memory + 2 * kChunk * K), K_(K) {}

  void load(const SsdArguments& s, size_t key_head, size_t t) const {
    const size_t count = smaller(kChunk, s.tokens - t);
    for (size_t j = 0; j < count; ++j) {
      const float* q = s.q + (t + j) * s.ldq + key_head * K_;
      const float* k = s.k + (t + j) * s.ldk + key_head * K_;
      for (size_t c = 0; c < K_; ++c) queries[j * K_ + c] = q[c] * s.scale;
      for (size_t c = 0; c < K_; ++c) keys[c * kChunk + j] = k[c];
    }
    std::memset(queries + count * K_, 0, (kChunk - count) * K_ * sizeof(float));
    for (size_t c = 0; c < K_; ++c) {
      for (size_t j = count; j < kChunk; ++j) keys[c * kChunk + j] = 0;
    }
    for (size_t row = 0; row < count; row += kTileRows) {
      for (size_t j = 0; j < row + kTileRows; j += kTileCols) {
        auto tile = zero_tile<kTileRows>();
        product(tile, queries + row * K_, K_, keys + j, kChunk, K_);
        store_tile(tile, scores + row * kChunk + j, kChunk);
      }
    }
  }

  float* queries;  // [64, K], times scale
  float* keys;     // [K, 64]: transposed
  float* scores;   // [64, 64] q_i . k_j, in tiles up to those of the diagonal

 private:
  size_t K_;
};

// A head's cumulative log decay inside a chunk. A difference of two may be far smaller than either:
// it is kept as a float and the rest that the float lost.
class ChunkDecays {
 public:
  void load(const SsdArguments& s, size_t head, size_t t) {
    const size_t count = smaller(kChunk, s.tokens - t);
    double total = 0;
    for (size_t j = 0; j < kChunk; ++j) {
      if (j < count) total += static_cast<double>(s.a[(t + j) * s.lda + head]);
      high_[j] = static_cast<float>(total);
      low_[j] = static_cast<float>(total - static_cast<double>(high_[j]));
    }
  }

  // exp(cumulative_i - cumulative_j), which is at most 1 where it means something (j <= i).
  STATELINE_INLINE Vec between(size_t i, size_t j) const {
    const Vec difference = (splat(high_[i]) - load_high(j)) + (splat(low_[i]) - load_low(j));
    return exp(min(difference, splat(0)));
  }
  STATELINE_INLINE Vec from_start(size_t i) const { return exp(splat(high_[i])); }

 private:
  STATELINE_INLINE Vec load_high(size_t j) const { return STATELINE_LEVEL::load(high_ + j); }
  STATELINE_INLINE Vec load_low(size_t j) const { return STATELINE_LEVEL::load(low_ + j); }

  alignas(64) float high_[kChunk], low_[kChunk];
};

}  // namespace stateline::kernels::STATELINE_LEVEL
