#include "engine/config.h"

#include "formats/fields.h"
#include "kernels/kernels.h"

namespace stateline::engine {
namespace {

using formats::Fields;
using formats::Json;

// One permutation of 0..heads-1 a layer.
std::vector<std::vector<std::uint32_t>> permutations(const Fields& read, const std::string& name,
                                                     std::size_t layers, std::size_t heads) {
  const Json& rows = read.field(name);
  if (!rows.is_array() || rows.size() != layers)
    read.fail(name, "must have one list for each layer");
  std::vector<std::vector<std::uint32_t>> out;
  for (const Json& row : rows) {
    std::vector<bool> seen(heads, false);
    std::vector<std::uint32_t>& order = out.emplace_back();
    if (!row.is_array() || row.size() != heads) read.fail(name, "must list every head of a layer");
    for (const Json& head : row) {
      const bool fits = head.is_number_unsigned() && head.get<std::uint64_t>() < heads &&
                        !seen[head.get<std::size_t>()];
      if (!fits) read.fail(name, "must list every head of a layer exactly once");
      seen[head.get<std::size_t>()] = true;
      order.push_back(head.get<std::uint32_t>());
    }
  }
  return out;
}

}  // namespace

ModelConfig parse_config(std::span<const std::byte> text, const std::string& file) {
  const Json json = formats::parse_configuration(text, file);
  const Fields read(json, file);
  if (read.field("model_type") != "stateline") read.fail("model_type", "must be \"stateline\"");
  if (read.field("tie_word_embeddings") != true) read.fail("tie_word_embeddings", "must be true");
  read.natural("conv_width", kernels::kConvWidth, kernels::kConvWidth);

  ModelConfig config;
  config.vocab_size = read.natural("vocab_size", 1, 1u << 20);
  config.hidden_size = read.natural("hidden_size", 4, 1u << 14);
  config.layers = read.natural("num_hidden_layers", 1, 64);
  config.heads = read.natural("num_heads", 1, 64);
  config.key_dim = read.natural("key_dim", 4, kernels::kMaxDeviceKeyDim);
  config.value_dim = read.natural("value_dim", 4, kernels::kMaxDeviceValueDim);
  config.intermediate_size = read.natural("intermediate_size", 4, 1u << 16);
  config.rms_norm_eps = static_cast<float>(read.real("rms_norm_eps", 1e-12, 1));
  config.attention_window = read.natural("attention_window", 0, 1u << 30);
  config.hybrid_ratio = read.real("hybrid_ratio", 0, 1);
  config.head_switch_order = permutations(read, "head_switch_order", config.layers, config.heads);
  return config;
}

}  // namespace stateline::engine
