#include "engine/correction.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace stateline::engine {
namespace {

// Of a source in which the token followed nowhere: beyond any distance, log(1 + tokens).
constexpr float kNowhere = 14;
constexpr float kLeastLogProb = -16, kLeastProbability = 1e-7f, kLeastScale = 1e-3f;
// Factors of more than e^8 would say that the gates know nothing.
constexpr float kMostNats = 8;

float log_distance(const Sightings& seen) {
  return seen.length == 0 ? kNowhere : std::log1p(static_cast<float>(seen.distance));
}

float log_length(const Sightings& seen) { return std::log1p(static_cast<float>(seen.length)); }

// The numbers' share of the hidden units.
template <std::size_t rows, std::size_t numbers>
void add(const RecallWeights::Table<rows, RecallWeights::kUnits>& weights,
         const std::array<float, numbers>& features,
         std::array<float, RecallWeights::kUnits>& hidden) {
  for (std::size_t i = 0; i < numbers; ++i)
    for (std::size_t unit = 0; unit < RecallWeights::kUnits; ++unit)
      hidden[unit] += weights[i][unit] * features[i];
}

}  // namespace

Correction::Correction(const RecallWeights& weights, const Outlook& outlook) : weights_(weights) {
  const std::array features{1.0f, outlook.best, outlook.entropy,
                            std::log(outlook.scale + kLeastScale)};
  static_assert(features.size() == RecallWeights::kOutlookNumbers);
  hidden_ = weights.outlook[features.size() + outlook.kind_before];
  add(weights.outlook, features, hidden_);
}

float Correction::factor(const Candidate& candidate) const {
  const auto& [token, probability, model_log_prob, repository, context, fact] = candidate;
  const std::array features{std::log(std::max(probability, kLeastProbability)),
                            std::max(model_log_prob, kLeastLogProb),
                            probability,
                            log_length(repository),
                            log_length(context),
                            log_distance(context),
                            log_distance(repository),
                            repository.alignment,
                            context.alignment,
                            std::log(repository.weight),
                            std::log(context.weight),
                            fact.frequency};
  static_assert(features.size() == RecallWeights::kCandidateNumbers);
  std::array<float, RecallWeights::kUnits> hidden = hidden_;
  const auto& of_kind = weights_.candidate[features.size() + fact.kind];
  for (std::size_t unit = 0; unit < RecallWeights::kUnits; ++unit) hidden[unit] += of_kind[unit];
  add(weights_.candidate, features, hidden);
  float nats = weights_.output_bias;
  for (std::size_t unit = 0; unit < RecallWeights::kUnits; ++unit)
    nats += weights_.output[unit] * std::max(hidden[unit], 0.0f);
  return std::exp(std::clamp(nats, -kMostNats, kMostNats));
}

}  // namespace stateline::engine
