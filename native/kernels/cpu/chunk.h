// A chunk of 64 tokens of a recurrent memory, as ssd and the gated delta rule both take it.
#pragma once

#include "kernels/cpu/small_product.h"
#include "kernels/ssd.h"

namespace stateline::kernels::STATELINE_LEVEL {

constexpr size_t kChunk = kSsdChunk;
constexpr double kFlopsPerNs = 2.0 * kLanes;  // only the decision to split depends on it
constexpr size_t kSlabChunks = 8;  // of shared keys at a time: they stay in a level-2 cache

// What heads that share a key head have in common, in memory that is given: copied as the products
// like it, with zeros past the last token. Only the delta rule asks what keys have to do with keys.
class KeyChunk {
 public:
  static constexpr size_t floats(size_t K, bool of_keys) {
    return kChunk * (2 * K + kChunk) + (of_keys ? kChunk * (K + kChunk) : 0);
  }

  KeyChunk(float* memory, size_t K)
      : queries(memory),
        keys(queries + kChunk * K),
        scores(keys + kChunk * K),
        key_rows(scores + kChunk * kChunk),
        key_scores(key_rows + kChunk * K),
        K_(K) {}

  void load(const SsdArguments& s, size_t key_head, size_t t, bool of_keys) const {
    const size_t count = smaller(kChunk, s.tokens - t);
    for (size_t j = 0; j < count; ++j) {
      const float* q = s.q + (t + j) * s.ldq + key_head * K_;
      const float* k = s.k + (t + j) * s.ldk + key_head * K_;
      for (size_t c = 0; c < K_; ++c) queries[j * K_ + c] = q[c] * s.scale;
      for (size_t c = 0; c < K_; ++c) keys[c * kChunk + j] = k[c];
      if (of_keys) std::memcpy(key_rows + j * K_, k, K_ * sizeof(float));
    }
    const size_t missing = (kChunk - count) * K_ * sizeof(float);
    std::memset(queries + count * K_, 0, missing);
    if (of_keys) std::memset(key_rows + count * K_, 0, missing);
    for (size_t c = 0; c < K_; ++c) {
      for (size_t j = count; j < kChunk; ++j) keys[c * kChunk + j] = 0;
    }
    multiply(queries, count, scores);
    if (of_keys) multiply(key_rows, count, key_scores);
  }

  float* queries;     // [64, K], times scale
  float* keys;        // [K, 64]: transposed
  float* scores;      // [64, 64] q_i . k_j, in tiles up to those of the diagonal
  float* key_rows;    // [64, K]
  float* key_scores;  // [64, 64] k_i . k_j, in the same tiles

 private:
  void multiply(const float* rows, size_t count, float* products) const {
    for (size_t row = 0; row < count; row += kTileRows) {
      for (size_t j = 0; j < row + kTileRows; j += kTileCols) {
        auto tile = zero_tile<kTileRows>();
        product(tile, rows + row * K_, K_, keys + j, kChunk, K_);
        store_tile(tile, products + row * kChunk + j, kChunk);
      }
    }
  }

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

// Walks every head over its chunks: Head(s, index).chunk(keys, first token), Head::kOfKeys. Heads
// that share keys do so some chunks at a time: first what they share, then the heads.
template <class Head>
void run_chunks(ThreadPool& pool, const SsdArguments& s, double cost) {
  if (s.heads_per_key == 1) {
    return pool.run(s.heads, cost, [&](size_t index) {
      alignas(64) float memory[KeyChunk::floats(kMaxKeyDim, Head::kOfKeys)];
      const KeyChunk keys(memory, s.K);
      Head head(s, index);
      for (size_t t = 0; t < s.tokens; t += kChunk) {
        keys.load(s, s.head[index], t, Head::kOfKeys);
        head.chunk(keys, t);
      }
    });
  }
  const size_t key_heads = s.heads / s.heads_per_key;
  const size_t floats = KeyChunk::floats(s.K, Head::kOfKeys);
  const size_t chunks = (s.tokens + kChunk - 1) / kChunk;
  const size_t slab = smaller(chunks, key_heads < kSlabChunks ? kSlabChunks / key_heads : 1);
  auto* memory = reinterpret_cast<float*>(pool.scratch(slab * key_heads * floats * sizeof(float)));
  const auto keys = [&](size_t chunk, size_t key_head) {
    return KeyChunk(memory + (chunk * key_heads + key_head) * floats, s.K);
  };
  for (size_t first = 0; first < chunks; first += slab) {
    const size_t count = smaller(slab, chunks - first);
    const double share = static_cast<double>(count) / static_cast<double>(chunks);
    const double key_cost = static_cast<double>(count * key_heads * kChunk * kChunk * s.K) * 2;
    pool.run(count * key_heads, key_cost / kFlopsPerNs, [&](size_t unit) {
      const size_t chunk = unit / key_heads, key_head = unit % key_heads;
      keys(chunk, key_head)
          .load(s, s.head[key_head * s.heads_per_key] / s.heads_per_key, (first + chunk) * kChunk,
                Head::kOfKeys);
    });
    pool.run(s.heads, cost * share, [&](size_t index) {
      Head head(s, index);
      for (size_t chunk = 0; chunk < count; ++chunk)
        head.chunk(keys(chunk, index / s.heads_per_key), (first + chunk) * kChunk);
    });
  }
}

}  // namespace stateline::kernels::STATELINE_LEVEL
