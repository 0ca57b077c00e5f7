// What exact memory and the model say of the next token together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/recall.h"
#include "engine/recall_weights.h"

namespace stateline::engine {

// The mixture of a model's distribution p with what was recalled: of some tokens the probability,
// of all others scale * p(t).
struct Recalled {
  struct Told {
    std::int32_t token;
    float probability;
  };
  float scale = 1;
  std::vector<Told> told;  // each token once
};

// What was found before a token.
struct Found {
  std::span<const Match> repository, context;
  const Recall* memory = nullptr;  // the repository's, which knows the facts of tokens; or none
  std::int32_t last = 0;           // token of the context
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
// sure of something else. (Interpolation of orders: Jelinek and Mercer 1980.)
//
// The likeliest tokens are then corrected by a network that sees of each how and where it followed
// (engine/correction.h), and all are normalised. Where nothing matches, the model speaks alone.
// Gates and network are fitted by `./dev eval fit`. logits [vocab] are the model's and
// `log_norm` their log-sum-exp.
Recalled recalled(const RecallWeights& weights, const Found& found, std::span<const float> logits,
                  float log_norm);

// logits [vocab] -> log-probabilities of the mixture, in place. `log_norm` is the logits'
// log-sum-exp.
void mix(const Recalled& recalled, float log_norm, std::span<float> logits);

// Log-probability of one token under the mixture, from the model's.
float mixed_log_prob(const Recalled& recalled, std::int32_t token, float model_log_prob);

}  // namespace stateline::engine
