// Who computes: reads tokens into a branch and predicts what follows. One implementation a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

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

  // [rows, vocab] after tokens first .. first + rows - 1 of the last advance, which wanted all;
  // rows <= kScoreRows.
  virtual void logits_of_rows(std::size_t first, std::size_t rows, float* out) = 0;
  // [vocab] after the branch's last token.
  virtual void logits(const Branch& branch, float* out) = 0;
  // [vocab] after the state's last token.
  virtual void logits(const State& state, float* out) = 0;

  // Of the processor that take part.
  virtual unsigned threads() const = 0;
};

}  // namespace stateline::engine
