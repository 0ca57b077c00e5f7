// A random checkpoint for tests: its tensors in memory, for the oracle, and its files, for the
// engine.
#pragma once

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "models/stateline.h"

namespace stateline::testing {

using Shape = std::vector<std::size_t>;

struct TestTensor {
  Shape shape;
  std::vector<float> values;
};

// The bytes of model.safetensors.
inline std::string safetensors_of(const std::map<std::string, TestTensor>& tensors) {
  nlohmann::json header;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t bytes = tensor.values.size() * sizeof(float);
    header[name] = {{"dtype", "F32"},
                    {"shape", tensor.shape},
                    {"data_offsets", {data.size(), data.size() + bytes}}};
    data.append(reinterpret_cast<const char*>(tensor.values.data()), bytes);
  }
  const std::string text = header.dump();
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(text.size() >> (8 * i) & 0xff);
  return out + text + data;
}

// A directory that goes away with its owner.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::random_device random;
    do {
      path_ =
          std::filesystem::temp_directory_path() / ("stateline-test-" + std::to_string(random()));
    } while (!std::filesystem::create_directory(path_));
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Odd sizes, so that every tail of every kernel is met.
inline models::StatelineConfig tiny_config() {
  models::StatelineConfig config;
  config.vocab_size = 67;
  config.hidden_size = 36;
  config.layers = 2;
  config.heads = 3;
  config.key_dim = 16;
  config.value_dim = 12;
  config.intermediate_size = 44;
  config.rms_norm_eps = 1e-5f;
  config.attention_window = 64;
  config.hybrid_ratio = 0.75;
  config.head_switch_order = {{2, 0, 1}, {1, 2, 0}};
  return config;
}

class Checkpoint {
 public:
  Checkpoint(models::StatelineConfig model_config, std::uint32_t seed)
      : config(std::move(model_config)), random_(seed) {
    const std::size_t d = config.hidden_size, H = config.heads, K = config.key_dim,
                      V = config.value_dim, F = config.intermediate_size,
                      C = config.conv_channels();
    matrix("model.embed_tokens.weight", config.vocab_size, d);
    uniform("model.norm.weight", {d}, 0.5f, 1.5f);
    for (std::size_t i = 0; i < config.layers; ++i) {
      const std::string layer = "model.layers." + std::to_string(i) + ".";
      uniform(layer + "norm1.weight", {d}, 0.5f, 1.5f);
      uniform(layer + "norm2.weight", {d}, 0.5f, 1.5f);
      matrix(layer + "mixer.in_proj.weight", config.in_proj_rows(), d);
      uniform(layer + "mixer.conv.weight", {C, 4}, -0.7f, 0.7f);
      uniform(layer + "mixer.conv.bias", {C}, -0.3f, 0.3f);
      uniform(layer + "mixer.q_norm", {H, K}, 0.5f, 1.5f);
      uniform(layer + "mixer.k_norm", {H, K}, 0.5f, 1.5f);
      uniform(layer + "mixer.A_log", {2, H}, -2.0f, 0.5f);
      uniform(layer + "mixer.dt_bias", {H}, -4.0f, -1.0f);
      uniform(layer + "mixer.D", {H}, -1.0f, 1.0f);
      uniform(layer + "mixer.temperature", {H}, -0.5f, 0.5f);
      uniform(layer + "mixer.out_norm", {2, H, V}, 0.5f, 1.5f);
      matrix(layer + "mixer.out_proj.weight", d, H * V);
      matrix(layer + "mlp.gate_up_proj.weight", 2 * F, d);
      matrix(layer + "mlp.down_proj.weight", d, F);
    }
  }

  const std::vector<float>& at(const std::string& name) const { return tensors.at(name).values; }

  nlohmann::json config_json() const {
    return {{"model_type", "stateline"},
            {"tie_word_embeddings", true},
            {"conv_width", 4},
            {"vocab_size", config.vocab_size},
            {"hidden_size", config.hidden_size},
            {"num_hidden_layers", config.layers},
            {"num_heads", config.heads},
            {"key_dim", config.key_dim},
            {"value_dim", config.value_dim},
            {"intermediate_size", config.intermediate_size},
            {"rms_norm_eps", 1e-5},
            {"attention_window", config.attention_window},
            {"hybrid_ratio", config.hybrid_ratio},
            {"head_switch_order", config.head_switch_order}};
  }

  std::string safetensors() const { return safetensors_of(tensors); }

  void write(const std::filesystem::path& directory) const {
    std::ofstream(directory / "config.json") << config_json();
    std::ofstream(directory / "model.safetensors", std::ios::binary) << safetensors();
  }

  models::StatelineConfig config;
  std::map<std::string, TestTensor> tensors;

 private:
  void uniform(const std::string& name, Shape shape, float low, float high) {
    std::size_t n = 1;
    for (const std::size_t size : shape) n *= size;
    std::uniform_real_distribution<float> distribution(low, high);
    TestTensor& tensor = tensors[name];
    tensor.shape = std::move(shape);
    for (std::size_t i = 0; i < n; ++i) tensor.values.push_back(distribution(random_));
  }

  void matrix(const std::string& name, std::size_t n, std::size_t k) {
    const float bound = std::sqrt(3.0f / static_cast<float>(k));
    uniform(name, {n, k}, -bound, bound);
  }

  std::mt19937 random_;
};

inline std::vector<std::int32_t> random_tokens(std::size_t count, std::size_t vocab,
                                               std::uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<std::int32_t> id(0, static_cast<std::int32_t>(vocab) - 1);
  std::vector<std::int32_t> tokens(count);
  for (std::int32_t& token : tokens) token = id(random);
  return tokens;
}

}  // namespace stateline::testing
