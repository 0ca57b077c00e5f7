// What the mixture of exact memory and model was fitted to: of one model, hence data beside its
// weights.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>

#include "engine/token_facts.h"

namespace stateline::engine {

struct RecallWeights {
  static constexpr std::size_t kLevels = 16, kGateFeatures = 6;
  // Numbers first, then a row a kind of token: the one before, the candidate.
  static constexpr std::size_t kOutlookNumbers = 4, kCandidateNumbers = 12, kUnits = 32;
  static constexpr std::size_t kOutlookFeatures = kOutlookNumbers + TokenFacts::kKinds;
  static constexpr std::size_t kCandidateFeatures = kCandidateNumbers + TokenFacts::kKinds;
  template <std::size_t rows, std::size_t cols>
  using Table = std::array<std::array<float, cols>, rows>;

  Table<kLevels, kGateFeatures> gates;  // of engine/mixture.h's levels
  // Of engine/correction.h's network.
  Table<kOutlookFeatures, kUnits> outlook;
  Table<kCandidateFeatures, kUnits> candidate;
  std::array<float, kUnits> output;
  float output_bias;
};

// Those of the embedded model, which serve where a model has none of its own.
extern const RecallWeights kDefaultRecallWeights;

// Of the model in this folder or GGUF file: in its recall.json, or in NAME.recall.json beside
// NAME.gguf, as `./dev eval fit` writes it; else the default. Throws Error(kInvalidModel)
// with one sentence if there is a file that says something else.
RecallWeights read_recall_weights(const std::filesystem::path& model);

}  // namespace stateline::engine
