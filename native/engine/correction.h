// The last stage of the mixture: a small network that judges each likely token by all that is known
// of it, which gates by length cannot see.
#pragma once

#include <array>
#include <cstdint>

#include "engine/recall_weights.h"
#include "engine/token_facts.h"

namespace stateline::engine {

// The places of one source that a token followed; zeros: none.
struct Sightings {
  std::uint32_t length = 0;    // of the longest match
  std::uint32_t distance = 0;  // of the nearest
  float alignment = 0;         // of the one most alike token by token
  float weight = 1;            // of the one most alike in its surroundings
};

// A token that is likely by the gates.
struct Candidate {
  std::int32_t token;
  float probability;     // by the gates, above 0
  float model_log_prob;  // by the model alone
  Sightings repository, context;
  TokenFact fact;
};

// What is the same for all tokens.
struct Outlook {
  float best;                // the model's greatest log probability
  float entropy;             // nats, of its likeliest tokens
  float scale;               // what the gates left to the model
  std::uint8_t kind_before;  // of the context's last token
};

// The network: log(factor) = b + o . relu(c + T outlook + C candidate), where a kind of token picks
// a row of its own; fitted with the gates by `./dev eval fit`.
class Correction {
 public:
  // Borrows the weights.
  Correction(const RecallWeights& weights, const Outlook& outlook);
  // By which the candidate's probability is multiplied before all are normalised.
  float factor(const Candidate& candidate) const;

 private:
  const RecallWeights& weights_;
  std::array<float, RecallWeights::kUnits> hidden_{};  // the outlook's share
};

}  // namespace stateline::engine
