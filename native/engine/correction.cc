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

}  // namespace

Correction::Correction(const RecallWeights& weights, const Outlook& outlook) : weights_(weights) {
  const std::array features{1.0f, outlook.best, outlook.entropy,
                            std::log(outlook.scale + kLeastScale)};
  static_assert(features.size() == RecallWeights::kOutlookFeatures);
  for (std::size_t i = 0; i < features.size(); ++i)
    for (std::size_t unit = 0; unit < RecallWeights::kUnits; ++unit)
      hidden_[unit] += weights.outlook[i][unit] * features[i];
}

float Correction::factor(const Candidate& candidate) const {
  const auto& [token, probability, model_log_prob, repository, context] = candidate;
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
                            std::log(context.weight)};
  static_assert(features.size() == RecallWeights::kCandidateFeatures);
  std::array<float, RecallWeights::kUnits> hidden = hidden_;
  for (std::size_t i = 0; i < features.size(); ++i)
    for (std::size_t unit = 0; unit < RecallWeights::kUnits; ++unit)
      hidden[unit] += weights_.candidate[i][unit] * features[i];
  float nats = weights_.output_bias;
  for (std::size_t unit = 0; unit < RecallWeights::kUnits; ++unit)
    nats += weights_.output[unit] * std::max(hidden[unit], 0.0f);
  return std::exp(std::clamp(nats, -kMostNats, kMostNats));
}

}  // namespace stateline::engine
