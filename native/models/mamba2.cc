// Mamba-2 (arXiv 2405.21060): x += mixer(norm(x)), in the layouts of transformers and of mamba_ssm.
#include <string>
#include <utility>
#include <vector>

#include "kernels/causal_conv.h"
#include "kernels/ssd.h"
#include "models/families.h"
#include "models/mamba2_mixer.h"
#include "models/transformers_config.h"

namespace stateline::models {
namespace {

struct Config {
  std::size_t vocab_size, padded_vocab, hidden_size, layers;
  bool tied;
  std::string embedding;  // name of its tensor
  Mamba2Mixer::Shape mixer;
};

void check_sizes(const Fields& read, const char* heads, const Mamba2Mixer::Shape& mixer) {
  if (mixer.heads % mixer.groups != 0) read.fail(heads, "must be a multiple of the groups");
}

Config transformers(const Fields& read) {
  const CommonConfig common = common_config(read);
  read.expect("rms_norm", true);
  Mamba2Mixer::Shape mixer{};
  mixer.hidden_size = common.hidden_size;
  mixer.heads = read.natural("num_heads", 1, kMostHeads);
  mixer.head_dim = read.natural("head_dim", 4, kernels::kMaxValueDim);
  mixer.groups = natural_or(read, "n_groups", 8, 1, kMostHeads);
  mixer.state_size = read.natural("state_size", 4, kernels::kMaxKeyDim);
  natural_or(read, "conv_kernel", kernels::kConvWidth, kernels::kConvWidth, kernels::kConvWidth);
  std::tie(mixer.least_dt, mixer.most_dt) = time_step_limit(read, "time_step_limit");
  mixer.eps = real_or(read, "layer_norm_epsilon", 1e-5f, 1e-12, 1);
  mixer.conv_bias = flag_or(read, "use_conv_bias", true);
  mixer.in_bias = mixer.out_bias = flag_or(read, "use_bias", false);
  check_sizes(read, "num_heads", mixer);
  return {common.vocab_size,
          common.vocab_size,
          common.hidden_size,
          common.layers,
          common.tied,
          "backbone.embeddings.weight",
          mixer};
}

Config mamba_ssm(const Fields& read) {
  read.expect("rms_norm", true);
  read.expect("d_intermediate", 0);
  read.expect("attn_layer_idx", formats::Json::array());
  const Fields ssm = read.inside("ssm_cfg");
  ssm.field("layer");
  ssm.expect("layer", "Mamba2");
  ssm.expect("D_has_hdim", false);
  ssm.expect("d_ssm", nullptr);
  Config config{};
  config.vocab_size = read.natural("vocab_size", 1, kMostVocab);
  const std::size_t multiple = natural_or(read, "pad_vocab_size_multiple", 8, 1, 1024);
  config.padded_vocab = (config.vocab_size + multiple - 1) / multiple * multiple;
  config.hidden_size = read.natural("d_model", 4, kMostWidth);
  config.layers = read.natural("n_layer", 1, kMostLayers);
  config.tied = flag_or(read, "tie_embeddings", true);
  config.embedding = "backbone.embedding.weight";
  Mamba2Mixer::Shape& mixer = config.mixer;
  mixer.hidden_size = config.hidden_size;
  const std::size_t inner = natural_or(ssm, "expand", 2, 1, 16) * config.hidden_size;
  mixer.head_dim = natural_or(ssm, "headdim", 64, 4, kernels::kMaxValueDim);
  mixer.heads = inner / mixer.head_dim;
  if (mixer.heads == 0 || mixer.heads > kMostHeads || mixer.heads * mixer.head_dim != inner)
    ssm.fail("headdim", "must divide the inner size");
  mixer.groups = natural_or(ssm, "ngroups", 1, 1, mixer.heads);
  mixer.state_size = natural_or(ssm, "d_state", 128, 4, kernels::kMaxKeyDim);
  natural_or(ssm, "d_conv", kernels::kConvWidth, kernels::kConvWidth, kernels::kConvWidth);
  std::tie(mixer.least_dt, mixer.most_dt) = time_step_limit(ssm, "dt_limit");
  mixer.norm = flag_or(ssm, "rmsnorm", true);
  mixer.gate_first = !flag_or(ssm, "norm_before_gate", false);
  mixer.eps = 1e-5f;
  mixer.conv_bias = flag_or(ssm, "conv_bias", true);
  mixer.in_bias = mixer.out_bias = flag_or(ssm, "bias", false);
  check_sizes(ssm, "ngroups", mixer);
  return config;
}

class Mamba2 : public Network {
 public:
  explicit Mamba2(const Config& config) : d_(config.hidden_size), eps_(config.mixer.eps) {
    plan_.family = "mamba2";
    plan_.vocab_size = config.vocab_size;
    plan_.hidden_size = d_;
    plan_.layers = config.layers;
    plan_.eps = eps_;
    plan_.stream = plan_.scratch(d_, Precision::kFull);
    const auto rows = [&](const std::string& name) {
      return plan_.stacked({{name, config.vocab_size, 0, config.padded_vocab}}, d_);
    };
    embedding_ = rows(config.embedding);
    plan_.head = config.tied ? embedding_ : rows("lm_head.weight");
    plan_.final_norm = plan_.vector("backbone.norm_f.weight", {d_});
    h_ = plan_.scratch(d_);
    mixer_ = Mamba2Mixer(plan_, config.mixer);
    for (std::size_t i = 0; i < config.layers; ++i) {
      const std::string prefix = "backbone.layers." + std::to_string(i) + ".";
      const Vector norm = plan_.vector(prefix + "norm.weight", {d_});
      layers_.push_back({norm, mixer_.layer(plan_, prefix + "mixer.")});
    }
    plan_.memory = {std::vector<LayerMemory>(
        config.layers, LayerMemory{mixer_.memory(), mixer_.conv_channels(), {}})};
  }

  void forward(const Pass& pass) const override {
    Ops& ops = pass.ops();
    ops.embed(embedding_, pass.tokens(), 1, pass.stream());
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Layer& w = layers_[i];
      ops.norm({pass.rows(), 1, d_, pass.stream(), w.norm, eps_, pass[h_]});
      mix_into_stream(pass, i, mixer_, w.mixer, pass[h_]);
    }
  }

 private:
  struct Layer {
    Vector norm;
    Mamba2Mixer::Layer mixer;
  };

  std::size_t d_;
  float eps_;
  Matrix embedding_;
  Mamba2Mixer mixer_;
  std::vector<Layer> layers_;
  Scratch h_;
};

}  // namespace

std::unique_ptr<const Network> make_mamba2(const Fields& read) {
  return std::make_unique<const Mamba2>(transformers(read));
}

std::unique_ptr<const Network> make_mamba_ssm(const Fields& read) {
  return std::make_unique<const Mamba2>(mamba_ssm(read));
}

}  // namespace stateline::models
