// Exact memory of what was read: which tokens followed the last ones wherever they stood before. A
// state of constant size forgets names from far away; this does not, at some bytes a token.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <shared_mutex>
#include <span>
#include <vector>

namespace stateline::engine {

// An earlier place whose tokens end like the context.
struct Match {
  std::int32_t next;     // what followed there
  std::uint32_t length;  // tokens in common, counted back from the end
  float weight = 1;      // from 1 up: the more the tokens before it are those of the context
};

// Texts of tokens, indexed by hash chains as in LZ77; bounded: beyond the capacity the oldest texts
// go. All functions may be called from any thread.
class Recall {
 public:
  static constexpr std::size_t kLongest = 32;       // tokens of a match that are counted
  static constexpr std::size_t kSurroundings = 64;  // tokens before a place that weigh it

  explicit Recall(std::size_t capacity_tokens);

  using TextId = std::uint32_t;
  // A match does not reach over the beginning of a text. A text longer than the capacity keeps its
  // end.
  TextId append(std::span<const std::int32_t> tokens);
  // Unknown ids are no error: the text went when the memory was full.
  void forget(TextId text);
  // Continues the text that was appended last.
  void push(std::int32_t token);

  std::size_t bytes() const;

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

 private:
  struct Text {
    TextId id;
    std::size_t begin, end;
  };
  // Newest position by hash of the `order` tokens up to it, and before each position the next older
  // one. Matches of `order` to `longest` tokens are taken from here, among the newest `walked`.
  struct Chains {
    std::size_t order, longest, walked;
    std::vector<std::uint32_t> newest, older;
  };

  void add(std::int32_t token);
  void index(std::size_t position);
  void make_room(std::size_t tokens);
  // Calls visit(position, length) for each match, newest first.
  template <typename Visit>
  void walk(const Chains& chains, std::span<const std::int32_t> context, const Visit& visit) const;

  mutable std::shared_mutex mutex_;
  std::size_t capacity_;
  std::vector<std::int32_t> tokens_;  // kNone between texts and where a text was forgotten
  std::vector<Text> texts_;           // by begin
  std::array<Chains, 3> chains_;      // the longest order first
  TextId next_id_ = 0;
};

}  // namespace stateline::engine
