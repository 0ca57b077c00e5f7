#include "models/transformers_config.h"

#include <limits>
#include <utility>

#include "formats/json.h"
#include "kernels/ssd.h"

namespace stateline::models {

using formats::Json;

CommonConfig common_config(const Fields& read) {
  for (const char* name : {"hidden_act", "mamba_hidden_act"}) {
    if (read.has(name) && read.field(name) != "silu" && read.field(name) != "swish")
      read.fail(name, "must be \"silu\"");
  }
  return {.vocab_size = read.natural("vocab_size", 1, kMostVocab),
          .hidden_size = read.natural("hidden_size", 4, kMostWidth),
          .layers = read.natural("num_hidden_layers", 1, kMostLayers),
          .tied = flag_or(read, "tie_word_embeddings", false)};
}

Matrix plan_around(Plan& plan, std::string family, const CommonConfig& common, float eps,
                   const std::string& root, const std::string& norm, Prepare prepare_norm) {
  const std::size_t d = common.hidden_size;
  plan.family = std::move(family);
  plan.vocab_size = common.vocab_size;
  plan.hidden_size = d;
  plan.layers = common.layers;
  plan.eps = eps;
  plan.stream = plan.scratch(d, Precision::kFull);
  const Matrix embedding = plan.matrix(root + "embed_tokens.weight", common.vocab_size, d);
  plan.head = common.tied ? embedding : plan.matrix("lm_head.weight", common.vocab_size, d);
  plan.final_norm = plan.vector(root + norm, {d}, std::move(prepare_norm));
  return embedding;
}

float real_or(const Fields& read, const std::string& name, float otherwise, double min,
              double max) {
  return read.has(name) ? static_cast<float>(read.real(name, min, max)) : otherwise;
}

std::size_t natural_or(const Fields& read, const std::string& name, std::size_t otherwise,
                       std::size_t min, std::size_t max) {
  return read.has(name) ? read.natural(name, min, max) : otherwise;
}

bool flag_or(const Fields& read, const std::string& name, bool otherwise) {
  return read.has(name) ? read.flag(name) : otherwise;
}

HeadsConfig attention_heads(const Fields& read, std::size_t hidden_size) {
  HeadsConfig config{};
  config.heads = read.natural("num_attention_heads", 1, kMostHeads);
  config.kv_heads = natural_or(read, "num_key_value_heads", config.heads, 1, config.heads);
  if (config.heads % config.kv_heads != 0)
    read.fail("num_key_value_heads", "must divide num_attention_heads");
  config.head_dim =
      natural_or(read, "head_dim", hidden_size / config.heads, 4, kernels::kMaxKeyDim);
  if (config.head_dim < 4 || config.head_dim > kernels::kMaxKeyDim)
    read.fail("num_attention_heads",
              "must leave each head 4 to " + std::to_string(kernels::kMaxKeyDim) + " values");
  return config;
}

Rope rope(const Fields& read, double share) {
  const bool nested = read.has("rope_parameters");
  const Fields at = nested ? read.inside("rope_parameters") : read;
  if (nested) at.expect("rope_type", "default");
  if (!nested && read.has("rope_scaling")) {
    const Fields scaling = read.inside("rope_scaling");
    for (const char* name : {"rope_type", "type"}) scaling.expect(name, "default");
  }
  Rope rope{10000, share};
  if (at.has("rope_theta")) rope.theta = at.real("rope_theta", 1, 1e18);
  for (const Fields& place : {read, at}) {
    if (place.has("partial_rotary_factor")) rope.share = place.real("partial_rotary_factor", 0, 1);
  }
  return rope;
}

std::vector<bool> attending_layers(const Fields& read, std::size_t layers, std::size_t interval) {
  std::vector<bool> attends(layers, false);
  if (!read.has("layer_types")) {
    for (std::size_t i = 0; interval > 0 && i < layers; ++i) attends[i] = (i + 1) % interval == 0;
    return attends;
  }
  const Json& types = read.field("layer_types");
  if (!types.is_array() || types.size() != layers)
    read.fail("layer_types", "must have one entry for each layer");
  for (std::size_t i = 0; i < layers; ++i) {
    attends[i] = types[i] == "full_attention" || types[i] == "attention";
    if (!attends[i] && types[i] != "linear_attention" && types[i] != "mamba")
      read.fail("layer_types", "has a type that is not supported: " + types[i].dump());
  }
  return attends;
}

namespace {

float limit(const Fields& read, const std::string& name, const Json& value) {
  const bool infinite = value == "Infinity" || value == Json{{"__float__", "Infinity"}};
  if (infinite) return std::numeric_limits<float>::infinity();
  if (!value.is_number() || !(value.get<double>() >= 0 && value.get<double>() <= 1e9))
    read.fail(name, "must hold two numbers from 0 up");
  return value.get<float>();
}

}  // namespace

std::pair<float, float> time_step_limit(const Fields& read, const std::string& name) {
  if (!read.has(name)) return {0.0f, std::numeric_limits<float>::infinity()};
  const Json& both = read.field(name);
  if (!both.is_array() || both.size() != 2) read.fail(name, "must hold two numbers from 0 up");
  return {limit(read, name, both[0]), limit(read, name, both[1])};
}

}  // namespace stateline::models
