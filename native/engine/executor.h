// Who computes: reads tokens into a branch and predicts what follows. One implementation a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/branch.h"
#include "engine/state.h"

namespace stateline::engine {

// Prefill is cut into chunks of this many tokens: what a more urgent job may have to wait for.
inline constexpr std::size_t kPrefillChunk = 256;
// Logits of so many tokens at once: 32 rows of a 4096-word vocabulary are 512 KiB.
inline constexpr std::size_t kScoreRows = 32;

// Which tokens' final hidden vectors are wanted: the last layer does no more than it must.
enum class Wanted { kLast, kAll };

// Used by the engine thread alone. Throws Error(kDevice) if a GPU fails.
class Executor {
 public:
  virtual ~Executor() = default;

  // Reads 1..kPrefillChunk token ids, all below the vocabulary's size; the branch then holds the
  // last one's hidden vector.
  virtual void advance(Branch& branch, std::span<const std::int32_t> tokens,
                       Wanted wanted = Wanted::kLast) = 0;
  // The same, and the states after the first `checkpoints` of the tokens: ascending counts from 1
  // to tokens.size(), no two alike. This one reads piece by piece.
  virtual std::vector<StatePtr> advance_through(Branch& branch,
                                                std::span<const std::int32_t> tokens,
                                                std::span<const std::size_t> checkpoints);
  // One token for each of 1..kScoreRows branches of the same shape; each then holds what advance()
  // alone would have given it, bit for bit. This one advances one after the other.
  virtual void step(std::span<Branch* const> branches, std::span<const std::int32_t> tokens);

  // [rows, vocab] after tokens first .. first + rows - 1 of the last advance, which wanted all;
  // rows <= kScoreRows.
  virtual void logits_of_rows(std::size_t first, std::size_t rows, float* out) = 0;
  // [hidden, vocab] after the last tokens of 1..kScoreRows branches or states, whose hidden vectors
  // these are; each as if it were alone, bit for bit.
  virtual void logits(std::span<const Buffer* const> hidden, float* out) = 0;
  // [vocab]
  void logits(const Buffer& hidden, float* out);

  // Of the processor that take part.
  virtual unsigned threads() const = 0;
};

}  // namespace stateline::engine
