// Exact memory of what was read: which tokens followed the last ones wherever they stood before. A
// state of constant size forgets names from far away; this does not, at some bytes a token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <vector>

#include "engine/recall_segment.h"
#include "engine/token_facts.h"

namespace stateline::engine {

// An earlier place whose tokens end like the context.
struct Match {
  std::int32_t next;     // what followed there
  std::uint32_t length;  // tokens in common, counted back from the end
  float weight = 1;      // from 1 up: the more the tokens before it are those of the context
  // Of the tokens before the last, those that are the context's at the same distance: 0.9 for the
  // nearest, less by a tenth for each token farther.
  float alignment = 0;
  std::uint32_t distance = 0;  // tokens and marks that were remembered after it
};

// Texts of tokens; bounded: beyond the capacity the oldest go. They lie in segments of a sixteenth
// of the capacity, so that room is made, and what was forgotten is given back, a segment at a time
// and mostly while others may search. All functions may be called from any thread; those that take
// tokens throw Error(kInvalidArgument) for ids outside the vocabulary.
class Recall {
 public:
  static constexpr std::size_t kLongest = RecallSegment::kLongest;
  static constexpr std::size_t kSurroundings = 64;  // tokens before a place that weigh it

  Recall(std::size_t capacity_tokens, std::size_t vocab_size);
  // One that also tells the facts of its tokens, whose kinds [vocab] are these.
  Recall(std::size_t capacity_tokens, std::vector<std::uint8_t> kinds);

  using TextId = RecallSegment::TextId;
  // A match does not reach over the beginning of a text. A text longer than the capacity keeps its
  // end.
  TextId append(std::span<const std::int32_t> tokens);
  // Unknown ids are no error: the text went when the memory was full.
  void forget(TextId text);
  // Continues the text that was appended last. Throws Error(kInvalidArgument) if that was forgotten
  // or fills the memory.
  void push(std::int32_t token);

  std::size_t bytes() const;
  std::size_t vocab_size() const { return vocab_size_; }

  // What stood behind the newest of the longest matches that are at least as long as the longest
  // indexed order.
  struct Continuation {
    std::uint32_t length = 0;  // of the match; 0 = none
    std::vector<std::int32_t> tokens;
  };
  Continuation continuation(std::span<const std::int32_t> context, std::size_t most) const;

  // Adds to `matches` the newest places for each length that is indexed, the longest first. The
  // last kSurroundings + 1 tokens of the context are looked at.
  void find(std::span<const std::int32_t> context, std::vector<Match>& matches) const;

  // Of each token; nothing is known of any if the memory was made without kinds.
  std::vector<TokenFact> facts(std::span<const std::int32_t> tokens) const;

 private:
  using Segment = std::unique_ptr<RecallSegment>;
  struct Place {
    const RecallSegment& in;
    std::size_t at;
    std::uint32_t length;  // of the match that ends there
    std::size_t newer;     // places in newer segments
  };

  // The following are called with writing_ held.
  std::size_t size() const;
  RecallSegment& segment_for(std::size_t places);
  void add(RecallSegment& segment, std::int32_t token);  // with mutex_ held as well
  void uncount(const RecallSegment& segment);
  void drop_oldest();
  void drop_oldest_text();
  void replace(std::size_t first, std::size_t count, Segment by);
  Segment joined(std::size_t first, std::size_t count, std::size_t places) const;
  void tidy(std::size_t segment);
  bool fit_in_one(std::size_t first) const;
  // Calls visit(place) for each match, newest first.
  template <typename Visit>
  void walk(std::size_t order, std::span<const std::int32_t> context, const Visit& visit) const;

  const std::size_t capacity_, vocab_size_, segment_places_;
  std::mutex writing_;               // held by whoever changes anything, from beginning to end
  mutable std::shared_mutex mutex_;  // exclusive only while what is searched changes
  std::vector<Segment> segments_;    // the oldest first
  std::optional<TokenFacts> facts_;  // of their living texts
  TextId next_id_ = 0;
};

}  // namespace stateline::engine
