// A classifier with random weights: its tensors in memory, and its files for the engine.
#pragma once

#include <nlohmann/json.hpp>

#include "longrange/model.h"
#include "test/engine/checkpoint.h"

namespace stateline::testing {

class Classifier {
 public:
  static constexpr std::size_t kStates = 32;  // rank 16, or 16 conjugate pairs

  Classifier(std::size_t d, std::size_t layers, double ssm_ratio, const std::string& family,
             std::uint32_t seed, bool bidirectional = false)
      : config{{"model_type", "stateline-longrange"},
               {"vocab_size", 256},
               {"hidden_size", d},
               {"num_hidden_layers", layers},
               {"num_classes", 4},
               {"ssm_ratio", ssm_ratio},
               {"state_size", kStates},
               {"rank", 16},
               {"family", family},
               {"num_heads", 4},
               {"bidirectional", bidirectional},
               {"rms_norm_eps", 1e-5},
               {"task", "random"},
               {"class_names", {"a", "b", "c", "d"}},
               {"max_length", 4096}},
        random_(seed) {
    const auto p = static_cast<std::size_t>(ssm_ratio * static_cast<double>(d));
    uniform("embed.weight", {256, d}, 1);
    uniform("norm.weight", {d}, 1);
    uniform("head.weight", {4, d}, 1);
    uniform("head.bias", {4}, 1);
    for (std::size_t i = 0; i < layers; ++i) {
      const std::string layer = "layers." + std::to_string(i) + ".";
      uniform(layer + "norm.weight", {d}, 1);
      uniform(layer + "in_proj.weight", {d, d}, spread(d));
      uniform(layer + "glu.weight", {2 * d, d}, spread(d));
      if (p < d) uniform(layer + "qkv.weight", {3 * (d - p), d - p}, spread(d - p));
      if (p > 0) add_system(layer + "ssm.", p, family);
      if (p > 0 && bidirectional) add_system(layer + "ssm_back.", p, family);
    }
  }

  void write(const std::filesystem::path& directory) const {
    std::ofstream(directory / "config.json") << config;
    std::ofstream(directory / "model.safetensors", std::ios::binary) << safetensors_of(tensors);
  }

  std::shared_ptr<const longrange::Model> load(
      const kernels::Kernels& kernels = kernels::kernels()) const {
    const TemporaryDirectory directory;
    write(directory.path());
    return longrange::Model::load(directory.path(), kernels);
  }

  nlohmann::json config;
  std::map<std::string, TestTensor> tensors;

 private:
  static float spread(std::size_t width) { return std::sqrt(3.0f / static_cast<float>(width)); }

  // Both families fade.
  void add_system(const std::string& ssm, std::size_t p, const std::string& family) {
    uniform(ssm + "D", {p}, 1);
    if (family == "low_rank") {
      tensors[ssm + "decay"] = {{1}, {0.99f}};
      uniform(ssm + "Q", {kStates, 16}, 0.05f);
      tensors[ssm + "P"] = tensors[ssm + "Q"];
      for (float& value : tensors[ssm + "P"].values) value *= -0.5f;
      uniform(ssm + "B", {p, kStates}, 0.2f);
      uniform(ssm + "C", {p, kStates}, 0.2f);
      return;
    }
    uniform(ssm + "lambda_re", {p, kStates / 2}, 0.7f);
    uniform(ssm + "lambda_im", {p, kStates / 2}, 0.7f);
    uniform(ssm + "CB_re", {p, kStates / 2}, 0.2f);
    uniform(ssm + "CB_im", {p, kStates / 2}, 0.2f);
  }

  void uniform(const std::string& name, Shape shape, float bound) {
    std::size_t n = 1;
    for (const std::size_t size : shape) n *= size;
    std::uniform_real_distribution<float> distribution(-bound, bound);
    TestTensor& tensor = tensors[name];
    tensor.shape = std::move(shape);
    for (std::size_t i = 0; i < n; ++i) tensor.values.push_back(distribution(random_));
  }

  std::mt19937 random_;
};

inline std::vector<std::uint8_t> random_bytes(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

}  // namespace stateline::testing
