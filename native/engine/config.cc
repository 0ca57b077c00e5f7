#include "engine/config.h"

#include <algorithm>
#include <cmath>

#include "formats/error.h"
#include "formats/json.h"
#include "kernels/kernels.h"

namespace stateline::engine {
namespace {

using formats::Json;

constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxFileBytes = 1u << 20;

// Reads fields of one configuration file; each failure names the file and the field.
class Reader {
 public:
  Reader(const Json& json, const std::string& file) : json_(json), file_(file) {}

  [[noreturn]] void fail(const std::string& field, const std::string& what) const {
    throw Error(ErrorCode::kInvalidModel,
                file_ + ": \"" + field + "\" " + what +
                    "; use a config.json exported together with the model.");
  }

  const Json& field(const std::string& name) const {
    const auto it = json_.find(name);
    if (it == json_.end()) fail(name, "is missing");
    return *it;
  }

  std::size_t natural(const std::string& name, std::size_t min, std::size_t max) const {
    const Json& value = field(name);
    const bool fits = value.is_number_unsigned() && value.get<std::uint64_t>() >= min &&
                      value.get<std::uint64_t>() <= max;
    if (!fits) {
      fail(name, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
    }
    return value.get<std::size_t>();
  }

  double real(const std::string& name, double min, double max) const {
    const Json& value = field(name);
    const bool fits = value.is_number() && value.get<double>() >= min && value.get<double>() <= max;
    if (!fits)
      fail(name, "must be a number from " + std::to_string(min) + " to " + std::to_string(max));
    return value.get<double>();
  }

  // One permutation of 0..heads-1 a layer.
  std::vector<std::vector<std::uint32_t>> permutations(const std::string& name, std::size_t layers,
                                                       std::size_t heads) const {
    const Json& rows = field(name);
    if (!rows.is_array() || rows.size() != layers) fail(name, "must have one list for each layer");
    std::vector<std::vector<std::uint32_t>> out;
    for (const Json& row : rows) {
      std::vector<bool> seen(heads, false);
      std::vector<std::uint32_t>& order = out.emplace_back();
      if (!row.is_array() || row.size() != heads) fail(name, "must list every head of a layer");
      for (const Json& head : row) {
        const bool fits = head.is_number_unsigned() && head.get<std::uint64_t>() < heads &&
                          !seen[head.get<std::size_t>()];
        if (!fits) fail(name, "must list every head of a layer exactly once");
        seen[head.get<std::size_t>()] = true;
        order.push_back(head.get<std::uint32_t>());
      }
    }
    return out;
  }

 private:
  const Json& json_;
  const std::string& file_;
};

}  // namespace

ModelConfig parse_config(std::span<const std::byte> text, const std::string& file) {
  if (text.size() > kMaxFileBytes) {
    throw Error(
        ErrorCode::kInvalidModel,
        file + ": is longer than 1 MB; use a config.json exported together with the model.");
  }
  const Json json = formats::parse_object(text, kMaxDepth, file, "the configuration");
  const Reader read(json, file);
  if (read.field("model_type") != "stateline") read.fail("model_type", "must be \"stateline\"");
  if (read.field("tie_word_embeddings") != true) read.fail("tie_word_embeddings", "must be true");
  read.natural("conv_width", kernels::kConvWidth, kernels::kConvWidth);

  ModelConfig config;
  config.vocab_size = read.natural("vocab_size", 1, 1u << 20);
  config.hidden_size = read.natural("hidden_size", 4, 1u << 14);
  config.layers = read.natural("num_hidden_layers", 1, 64);
  config.heads = read.natural("num_heads", 1, 64);
  config.key_dim = read.natural("key_dim", 4, kernels::kMaxKeyDim);
  config.value_dim = read.natural("value_dim", 4, kernels::kMaxValueDim);
  config.intermediate_size = read.natural("intermediate_size", 4, 1u << 16);
  config.rms_norm_eps = static_cast<float>(read.real("rms_norm_eps", 1e-12, 1));
  config.attention_window = read.natural("attention_window", 0, 1u << 30);
  config.hybrid_ratio = read.real("hybrid_ratio", 0, 1);
  config.head_switch_order = read.permutations("head_switch_order", config.layers, config.heads);
  return config;
}

}  // namespace stateline::engine
