#include "longrange/model.h"

#include <cmath>

#include "formats/error.h"
#include "formats/safetensors.h"

namespace stateline::longrange {
namespace {

using formats::Safetensors;
using kernels::PackedMatrix;
using kernels::TimeInvariantSystem;

constexpr std::size_t kVocabulary = 256;

// Reads tensors and keeps the account of what was read.
class Weights {
 public:
  explicit Weights(const Safetensors& file) : file_(file) {}

  std::vector<float> vector(const std::string& name, const std::vector<std::size_t>& shape) {
    std::vector<float> values = file_.require_f32(name, shape);
    parameters += values.size();
    return values;
  }

  PackedMatrix matrix(const std::string& name, std::size_t n, std::size_t k) {
    const std::vector<float> values = vector(name, {n, k});
    return PackedMatrix::pack(DType::kF32, values.data(), nullptr, n, k);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidModel,
                file_.name() + ": " + what + "; export the model anew from a stable one.");
  }

  std::size_t parameters = 0;

 private:
  const Safetensors& file_;
};

TimeInvariantSystem low_rank(Weights& read, const std::string& ssm, const Config& config) {
  const std::size_t p = config.ssm_channels, N = config.state_size, R = config.rank;
  const std::vector<float> decay = read.vector(ssm + "decay", {1}),
                           P = read.vector(ssm + "P", {N, R}), Q = read.vector(ssm + "Q", {N, R}),
                           B = read.vector(ssm + "B", {p, N}), C = read.vector(ssm + "C", {p, N}),
                           D = read.vector(ssm + "D", {p});
  if (!(decay[0] > 0 && decay[0] <= 1)) read.fail(ssm + "decay lies outside (0, 1]");
  return TimeInvariantSystem(kernels::LowRankSystem{.channels = p,
                                                    .states = N,
                                                    .rank = R,
                                                    .decay = decay[0],
                                                    .P = P.data(),
                                                    .Q = Q.data(),
                                                    .B = B.data(),
                                                    .C = C.data(),
                                                    .D = D.data()});
}

TimeInvariantSystem diagonal(Weights& read, const std::string& ssm, const Config& config) {
  const std::size_t p = config.ssm_channels, pairs = config.state_size / 2;
  const std::vector<float> re = read.vector(ssm + "lambda_re", {p, pairs}),
                           im = read.vector(ssm + "lambda_im", {p, pairs}),
                           CB_re = read.vector(ssm + "CB_re", {p, pairs}),
                           CB_im = read.vector(ssm + "CB_im", {p, pairs}),
                           D = read.vector(ssm + "D", {p});
  for (std::size_t i = 0; i < re.size(); ++i) {
    if (std::hypot(static_cast<double>(re[i]), static_cast<double>(im[i])) > 1)
      read.fail(ssm + "lambda has an eigenvalue outside the unit circle");
  }
  return TimeInvariantSystem(kernels::DiagonalSystem{.channels = p,
                                                     .pairs = pairs,
                                                     .lambda_re = re.data(),
                                                     .lambda_im = im.data(),
                                                     .CB_re = CB_re.data(),
                                                     .CB_im = CB_im.data(),
                                                     .D = D.data()});
}

TimeInvariantSystem read_system(Weights& read, const std::string& ssm, const Config& config) {
  return config.family == Family::kLowRank ? low_rank(read, ssm, config)
                                           : diagonal(read, ssm, config);
}

Layer read_layer(Weights& read, const Config& config, std::size_t index) {
  const std::string name = "layers." + std::to_string(index) + ".";
  const std::size_t d = config.hidden_size, q = config.attention_channels();
  Layer layer;
  layer.norm = read.vector(name + "norm.weight", {d});
  layer.in_proj = read.matrix(name + "in_proj.weight", d, d);
  layer.glu = read.matrix(name + "glu.weight", 2 * d, d);
  if (q > 0) layer.qkv = read.matrix(name + "qkv.weight", 3 * q, q);
  if (config.ssm_channels > 0) {
    layer.ssm.emplace(read_system(read, name + "ssm.", config));
    if (config.bidirectional) layer.ssm_back.emplace(read_system(read, name + "ssm_back.", config));
  }
  return layer;
}

std::size_t bytes_of(const Layer& layer) {
  std::size_t bytes = layer.in_proj.bytes() + layer.glu.bytes() + layer.qkv.bytes() +
                      layer.norm.size() * sizeof(float);
  for (const auto* ssm : {&layer.ssm, &layer.ssm_back})
    if (*ssm) bytes += (*ssm)->bytes();
  return bytes;
}

}  // namespace

std::shared_ptr<const Model> Model::load(const std::filesystem::path& directory,
                                         const kernels::Kernels& kernels) {
  const formats::MappedFile config_file(directory / "config.json");
  const std::u8string config_name = (directory / "config.json").u8string();
  const std::shared_ptr<Model> model(new Model(kernels));
  model->config_ =
      parse_config(config_file.bytes(), std::string(config_name.begin(), config_name.end()));
  const Config& config = model->config_;
  const Safetensors file(directory / "model.safetensors");
  Weights read(file);
  model->embedding_ = read.vector("embed.weight", {kVocabulary, config.hidden_size});
  model->final_norm_ = read.vector("norm.weight", {config.hidden_size});
  model->head_ = read.vector("head.weight", {config.classes(), config.hidden_size});
  model->head_bias_ = read.vector("head.bias", {config.classes()});
  for (std::size_t i = 0; i < config.layers; ++i)
    model->layers_.push_back(read_layer(read, config, i));
  model->parameters_ = read.parameters;
  model->bytes_ = (model->embedding_.size() + model->head_.size()) * sizeof(float);
  for (const Layer& layer : model->layers_) model->bytes_ += bytes_of(layer);
  return model;
}

}  // namespace stateline::longrange
