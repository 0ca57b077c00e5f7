// A model: immutable weights, packed for the kernels, with their shape and their name (hash).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/config.h"
#include "engine/device.h"
#include "kernels/kernels.h"

namespace stateline::engine {

struct LayerWeights {
  std::vector<float> norm1, norm2;     // [d]
  kernels::PackedMatrix in_proj;       // [2 H K + 2 H V + H, d], rows q k v z dt
  std::vector<float> conv_weight;      // [4, C], tap-major
  std::vector<float> conv_bias;        // [C]
  std::vector<float> q_norm, k_norm;   // [H, K]
  std::vector<float> dt_bias, D;       // [H]
  std::vector<float> query_scale;      // [H] exp(temperature) / sqrt(K)
  std::vector<float> key_bound;        // [H] no key of the head is longer; see kernels/attention.h
  kernels::PackedMatrix out_proj;      // [d, H V]
  kernels::PackedMatrix gate_up_proj;  // [2 F, d], rows gate, up
  kernels::PackedMatrix down_proj;     // [d, F]
  // By the number of state heads (0..H), each head's row taken from its mode.
  std::vector<std::vector<float>> A_log;     // [H]
  std::vector<std::vector<float>> out_norm;  // [H, V]
};

enum class Quantization { kF32, kBF16, kInt8 };
const char* quantization_name(Quantization quantization);

using ModelHash = std::array<std::uint64_t, 2>;  // of config.json and of model.safetensors
std::string hex(const ModelHash& hash);

class Model {
 public:
  // Reads config.json and model.safetensors. Throws Error(kInvalidModel) with one sentence. Without
  // a device, the states lie in main memory and `kernels` compute.
  static std::shared_ptr<const Model> load(const std::filesystem::path& directory,
                                           const kernels::Kernels& kernels = kernels::kernels(),
                                           std::shared_ptr<Device> device = nullptr);

  // The same weights, not copied, for states on another device.
  std::shared_ptr<const Model> on(std::shared_ptr<Device> device) const;

  const kernels::Kernels& kernels() const { return kernels_; }
  const ModelConfig& config() const { return contents_->config; }
  const ModelHash& hash() const { return contents_->hash; }
  Quantization quantization() const { return contents_->quantization; }
  std::size_t parameters() const { return contents_->parameters; }
  std::size_t weight_bytes() const { return contents_->weight_bytes; }

  const std::vector<LayerWeights>& layers() const { return contents_->layers; }
  const kernels::PackedMatrix& embedding() const {
    return contents_->embedding;
  }  // [vocab, d], tied
  const std::vector<float>& final_norm() const { return contents_->final_norm; }  // [d]

  const std::shared_ptr<Device>& device() const { return device_; }
  // Counts the memory of all this model's states.
  std::shared_ptr<MemoryMeter> meter() const { return {device_, &device_->meter()}; }

 private:
  // What the files hold.
  struct Contents {
    ModelConfig config;
    ModelHash hash{};
    Quantization quantization = Quantization::kF32;
    std::size_t parameters = 0;
    std::size_t weight_bytes = 0;
    std::vector<LayerWeights> layers;
    kernels::PackedMatrix embedding;
    std::vector<float> final_norm;
  };

  Model(const kernels::Kernels& kernels, std::shared_ptr<const Contents> contents,
        std::shared_ptr<Device> device)
      : kernels_(kernels), contents_(std::move(contents)), device_(std::move(device)) {}

  const kernels::Kernels& kernels_;
  std::shared_ptr<const Contents> contents_;
  std::shared_ptr<Device> device_;
};

}  // namespace stateline::engine
