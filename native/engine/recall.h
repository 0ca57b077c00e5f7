// Exact memory of what was read: which tokens followed the last ones wherever they stood before,
// and what that says of the next token. A state of constant size forgets names from far away; this
// does not, at some bytes a token.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <span>
#include <vector>

namespace stateline::engine {

// The mixture of a model's distribution p with what was recalled: scale * p(t) + added(t).
struct Recalled {
  struct Added {
    std::int32_t token;
    float probability;
  };
  float scale = 1;
  std::vector<Added> added;  // each token once
};

// Where a match stands: what a file says of itself is another evidence than what others say.
enum class Source : std::uint8_t { kRepository, kContext };

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

// From short matches to long ones, at each length first those of the repository, then those of the
// context itself, with the model below all: for the matches of at least `length` tokens of a
// source,
//   p(t) = g w(t) / w + (1 - g) p_before(t),
// w(t) the weights of those that t followed, w their sum. The gate g = sigmoid(v . f) is learned
// for each length and source, from f = (1, log n, log w, log u, log p(best), log p(heaviest)): n
// the number of matches, u that of different tokens that followed, p the model's distribution,
// `best` its likeliest token, and `heaviest` that of the greatest w(t). So a match is trusted by
// how long, frequent, unanimous and alike in its surroundings it is, and less where the model is
// sure of something else. (Interpolation of orders: Jelinek and Mercer 1980; the gates are fitted
// to repositories of the training corpus by `node scripts/eval/fit.ts`.) logits [vocab] are the
// model's and `log_norm` their log-sum-exp.
Recalled recalled(std::span<const Match> repository, std::span<const Match> context,
                  std::span<const float> logits, float log_norm);

// logits [vocab] -> log-probabilities of the mixture, in place. `log_norm` is the logits'
// log-sum-exp.
void mix(const Recalled& recalled, float log_norm, std::span<float> logits);

// Log-probability of one token under the mixture, from the model's.
float mixed_log_prob(const Recalled& recalled, std::int32_t token, float model_log_prob);

// What a request recalls: from a shared memory and from its own context, which is remembered like a
// text as it grows.
class Recollection {
 public:
  // `memory` may be null. Room for `more` tokens beyond the context.
  Recollection(std::shared_ptr<const Recall> memory, std::vector<std::int32_t> context,
               std::size_t more);

  void push(std::int32_t token);
  // Given the model's logits [vocab] for the next token, and their log-sum-exp.
  // Tokens that are likely to follow, at most so many; none where no long match is.
  std::vector<std::int32_t> draft(std::size_t most) const;
  Recalled next(std::span<const float> logits, float log_norm);
  // As if the context ended with `end`, which is then not remembered itself.
  Recalled after(std::span<const std::int32_t> end, std::span<const float> logits, float log_norm);

 private:
  std::shared_ptr<const Recall> memory_;
  std::vector<std::int32_t> context_;
  Recall own_;
  std::vector<Match> from_repository_, from_context_;  // scratch
};

}  // namespace stateline::engine
