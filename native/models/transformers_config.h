// Fields that the families of Hugging Face's transformers share, with their spellings in older and
// newer files.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "formats/fields.h"
#include "models/plan.h"

namespace stateline::models {

using formats::Fields;

// Bounds that keep every later product far from overflowing.
inline constexpr std::size_t kMostVocab = 1u << 20, kMostWidth = 1u << 16, kMostLayers = 256,
                             kMostHeads = 1024;

struct CommonConfig {
  std::size_t vocab_size, hidden_size, layers;
  bool tied;
};
// Refuses other activations than SiLU.
CommonConfig common_config(const Fields& read);

// What surrounds the layers of the family: sizes, the residual stream, and of the tensors
// root + "embed_tokens.weight" and root + norm the embedding, which is returned, and the final
// norm.
Matrix plan_around(Plan& plan, std::string family, const CommonConfig& common, float eps,
                   const std::string& root, const std::string& norm = "norm.weight",
                   Prepare prepare_norm = nullptr);

float real_or(const Fields& read, const std::string& name, float otherwise, double min, double max);
std::size_t natural_or(const Fields& read, const std::string& name, std::size_t otherwise,
                       std::size_t min, std::size_t max);
bool flag_or(const Fields& read, const std::string& name, bool otherwise);

struct HeadsConfig {
  std::size_t heads, kv_heads, head_dim;
};
HeadsConfig attention_heads(const Fields& read, std::size_t hidden_size);

struct Rope {
  double theta;
  double share;  // of a head's values that turn
};
// Refuses scaled positions.
Rope rope(const Fields& read, double share);

// Which layers attend; by layer_types, or every `interval`-th without it, or none (0).
std::vector<bool> attending_layers(const Fields& read, std::size_t layers, std::size_t interval);

// [least, most] of dt.
std::pair<float, float> time_step_limit(const Fields& read, const std::string& name);

}  // namespace stateline::models
