#include "engine/model.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "engine/cpu_device.h"
#include "formats/error.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "formats/xxh64.h"

namespace stateline::engine {
namespace {

using formats::DType;
using formats::Safetensors;
using formats::Tensor;
using kernels::PackedMatrix;
using kernels::WeightType;

constexpr std::size_t kModes = 2;  // state, attention: rows of A_log and out_norm

// Reads tensors and keeps the account of what was read.
class WeightReader {
 public:
  explicit WeightReader(const Safetensors& file) : file_(file) {}

  std::vector<float> vector(const std::string& name, const std::vector<std::size_t>& shape) {
    std::vector<float> values = file_.require_f32(name, shape);
    parameters += values.size();
    bytes += values.size() * sizeof(float);
    return values;
  }

  PackedMatrix matrix(const std::string& name, std::size_t n, std::size_t k) {
    const Tensor& tensor = file_.require(name, {n, k});
    parameters += n * k;
    if (tensor.dtype == DType::kI8) {
      const std::vector<float> scale = file_.require_f32(name + "_scale", {n});
      return packed(PackedMatrix::pack(WeightType::int8, tensor.data.data(), scale.data(), n, k));
    }
    file_.require_f32(name, {n, k});  // for its look at each value
    const WeightType type = tensor.dtype == DType::kF32 ? WeightType::f32 : WeightType::bf16;
    return packed(PackedMatrix::pack(type, tensor.data.data(), nullptr, n, k));
  }

  std::size_t parameters = 0;
  std::size_t bytes = 0;

 private:
  PackedMatrix packed(PackedMatrix matrix) {
    bytes += matrix.bytes();
    return matrix;
  }

  const Safetensors& file_;
};

// [C, 4] -> [4, C]
std::vector<float> tap_major(const std::vector<float>& weight) {
  const std::size_t channels = weight.size() / kernels::kConvWidth;
  std::vector<float> out(weight.size());
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t w = 0; w < kernels::kConvWidth; ++w)
      out[w * channels + c] = weight[c * kernels::kConvWidth + w];
  return out;
}

// by_mode [2, H, width] -> for each number of state heads, each head's row in the mode it runs in.
std::vector<std::vector<float>> by_state_heads(const std::vector<float>& by_mode, std::size_t width,
                                               const std::vector<std::uint32_t>& switch_order) {
  const std::size_t heads = switch_order.size();
  std::vector<std::vector<float>> out;
  for (std::size_t state_heads = 0; state_heads <= heads; ++state_heads) {
    std::vector<float>& rows = out.emplace_back(
        by_mode.begin(), by_mode.begin() + static_cast<std::ptrdiff_t>(heads * width));
    for (std::size_t i = 0; i < heads - state_heads; ++i) {
      const std::size_t head = switch_order[i];
      std::memcpy(&rows[head * width], &by_mode[(heads + head) * width], width * sizeof(float));
    }
  }
  return out;
}

// Upper bounds of |k| per head: a normalised row of K has the length sqrt(K) before its gain.
std::vector<float> key_bounds(const std::vector<float>& k_norm, std::size_t heads,
                              std::size_t key_dim) {
  std::vector<float> bounds(heads, 0.0f);
  for (std::size_t i = 0; i < k_norm.size(); ++i)
    bounds[i / key_dim] = std::max(bounds[i / key_dim], std::abs(k_norm[i]));
  for (float& bound : bounds) bound *= std::sqrt(static_cast<float>(key_dim));
  return bounds;
}

LayerWeights read_layer(WeightReader& read, const ModelConfig& config, std::size_t index) {
  const std::string layer = "model.layers." + std::to_string(index) + ".";
  const std::size_t d = config.hidden_size, H = config.heads, K = config.key_dim,
                    V = config.value_dim, F = config.intermediate_size, C = config.conv_channels();
  LayerWeights w;
  w.norm1 = read.vector(layer + "norm1.weight", {d});
  w.norm2 = read.vector(layer + "norm2.weight", {d});
  w.in_proj = read.matrix(layer + "mixer.in_proj.weight", config.in_proj_rows(), d);
  w.conv_weight = tap_major(read.vector(layer + "mixer.conv.weight", {C, kernels::kConvWidth}));
  w.conv_bias = read.vector(layer + "mixer.conv.bias", {C});
  w.q_norm = read.vector(layer + "mixer.q_norm", {H, K});
  w.k_norm = read.vector(layer + "mixer.k_norm", {H, K});
  w.key_bound = key_bounds(w.k_norm, H, K);
  w.dt_bias = read.vector(layer + "mixer.dt_bias", {H});
  w.D = read.vector(layer + "mixer.D", {H});
  w.query_scale = read.vector(layer + "mixer.temperature", {H});
  for (float& scale : w.query_scale) scale = std::exp(scale) / std::sqrt(static_cast<float>(K));
  w.out_proj = read.matrix(layer + "mixer.out_proj.weight", d, config.inner_size());
  w.gate_up_proj = read.matrix(layer + "mlp.gate_up_proj.weight", 2 * F, d);
  w.down_proj = read.matrix(layer + "mlp.down_proj.weight", d, F);
  const std::vector<std::uint32_t>& order = config.head_switch_order[index];
  w.A_log = by_state_heads(read.vector(layer + "mixer.A_log", {kModes, H}), 1, order);
  w.out_norm = by_state_heads(read.vector(layer + "mixer.out_norm", {kModes, H, V}), V, order);
  return w;
}

Quantization quantization_of(const PackedMatrix& matrix) {
  switch (matrix.type()) {
    case WeightType::f32:
      return Quantization::kF32;
    case WeightType::bf16:
      return Quantization::kBF16;
    case WeightType::int8:
      return Quantization::kInt8;
  }
  return Quantization::kF32;
}

}  // namespace

const char* quantization_name(Quantization quantization) {
  switch (quantization) {
    case Quantization::kF32:
      return "f32";
    case Quantization::kBF16:
      return "bf16";
    case Quantization::kInt8:
      return "int8";
  }
  return "f32";
}

std::string hex(const ModelHash& hash) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash[0]),
                static_cast<unsigned long long>(hash[1]));
  return text;
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path& directory,
                                         const kernels::Kernels& kernels,
                                         std::shared_ptr<Device> device) {
  const formats::MappedFile config_file(directory / "config.json");
  const std::u8string config_name = (directory / "config.json").u8string();
  const auto contents = std::make_shared<Contents>();
  contents->config =
      parse_config(config_file.bytes(), std::string(config_name.begin(), config_name.end()));
  const Safetensors file(directory / "model.safetensors");
  WeightReader read(file);
  const ModelConfig& config = contents->config;
  contents->embedding =
      read.matrix("model.embed_tokens.weight", config.vocab_size, config.hidden_size);
  contents->final_norm = read.vector("model.norm.weight", {config.hidden_size});
  for (std::size_t i = 0; i < config.layers; ++i)
    contents->layers.push_back(read_layer(read, config, i));
  contents->quantization = quantization_of(contents->layers[0].in_proj);
  contents->parameters = read.parameters;
  contents->weight_bytes = read.bytes;
  contents->hash = {formats::xxh64(config_file.bytes()), formats::xxh64(file.bytes())};
  if (!device) device = std::make_shared<CpuDevice>();
  return std::shared_ptr<const Model>(new Model(kernels, contents, std::move(device)));
}

std::shared_ptr<const Model> Model::on(std::shared_ptr<Device> device) const {
  return std::shared_ptr<const Model>(new Model(kernels_, contents_, std::move(device)));
}

}  // namespace stateline::engine
