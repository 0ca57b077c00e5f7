// Falcon-H1: each layer is a Mamba-2 mixer and attention side by side, then a feed-forward layer;
// the family multiplies nearly everything.
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/causal_conv.h"
#include "kernels/ssd.h"
#include "models/attention.h"
#include "models/families.h"
#include "models/feed_forward.h"
#include "models/mamba2_mixer.h"
#include "models/prepare.h"
#include "models/transformers_config.h"

namespace stateline::models {
namespace {

float multiplier(const Fields& read, const std::string& name) {
  return real_or(read, name, 1, -1e6, 1e6);
}

// `count` numbers, or ones.
std::vector<float> multipliers(const Fields& read, const std::string& name, std::size_t count) {
  std::vector<float> out(count, 1.0f);
  if (!read.has(name)) return out;
  const formats::Json& list = read.field(name);
  if (!list.is_array() || list.size() != count)
    read.fail(name, "must hold " + std::to_string(count) + " numbers");
  for (std::size_t i = 0; i < count; ++i) {
    if (!list[i].is_number() || !(std::abs(list[i].get<double>()) <= 1e6))
      read.fail(name, "must hold numbers of at most a million");
    out[i] = list[i].get<float>();
  }
  return out;
}

// What the mixer's input is multiplied by goes into the rows of in_proj, except where a bias is
// added between the two.
Mamba2Mixer::Shape mixer_shape(const Fields& read, std::size_t d, float eps) {
  const std::size_t inner = natural_or(
      read, "mamba_d_ssm", natural_or(read, "mamba_expand", 2, 1, 16) * d, 4, kMostWidth);
  Mamba2Mixer::Shape shape = mamba_shape(read, d, inner, eps);
  shape.norm = flag_or(read, "mamba_rms_norm", false);
  shape.gate_first = !shape.norm || !flag_or(read, "mamba_norm_before_gate", true);
  shape.out_bias = flag_or(read, "projectors_bias", false);
  const std::vector<float> scale = multipliers(read, "ssm_multipliers", 5);
  std::copy(scale.begin(), scale.end(), shape.scale);
  shape.input_scale = multiplier(read, "ssm_in_multiplier");
  shape.output_scale = multiplier(read, "ssm_out_multiplier");
  return shape;
}

Attention::Shape attention_shape(const Fields& read, std::size_t d) {
  const HeadsConfig heads = attention_heads(read, d);
  Attention::Shape shape{};
  shape.hidden_size = d;
  shape.heads = heads.heads;
  shape.kv_heads = heads.kv_heads;
  shape.head_dim = heads.head_dim;
  shape.scale = 1 / std::sqrt(static_cast<float>(heads.head_dim));
  shape.rotary = heads.head_dim;
  shape.theta = rope(read, 1).theta;
  shape.input_scale = multiplier(read, "attention_in_multiplier");
  shape.key_scale = multiplier(read, "key_multiplier");
  shape.output_scale = multiplier(read, "attention_out_multiplier");
  shape.bias = shape.out_bias = flag_or(read, "attention_bias", false);
  return shape;
}

class FalconH1 : public Network {
 public:
  explicit FalconH1(const Fields& read) {
    const CommonConfig common = common_config(read);
    const std::size_t d = d_ = common.hidden_size;
    embedding_ =
        plan_around(plan_, "falcon_h1", common, real_or(read, "rms_norm_eps", 1e-5f, 1e-12, 1),
                    "model.", "final_layernorm.weight");
    plan_.logit_scale = multiplier(read, "lm_head_multiplier");
    embedding_scale_ = multiplier(read, "embedding_multiplier");
    const std::vector<float> mlp = multipliers(read, "mlp_multipliers", 2);
    gate_scale_ = mlp[0];
    mlp_scale_ = mlp[1];
    mlp_bias_ = flag_or(read, "mlp_bias", false);
    h_ = plan_.scratch(d);
    mixer_ = Mamba2Mixer(plan_, mixer_shape(read, d, plan_.eps));
    attention_ = Attention(plan_, attention_shape(read, d));
    F_ = read.natural("intermediate_size", 4, kMostWidth);
    mlp_ = FeedForward(plan_, d, F_);
    for (std::size_t i = 0; i < common.layers; ++i) layers_.push_back(plan_layer(i));
    plan_.memory = {std::vector<LayerMemory>(
        common.layers, LayerMemory{mixer_.memory(), mixer_.conv_channels(), attention_.memory()})};
  }

  void forward(const Pass& pass) const override {
    Ops& ops = pass.ops();
    const Rows x = pass.stream(), h = pass[h_];
    ops.embed(embedding_, pass.tokens(), embedding_scale_, x);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Layer& w = layers_[i];
      ops.norm({pass.rows(), 1, d_, x, w.norm1, plan_.eps, h});
      mixer_.mix(pass, i, w.mixer, h);
      attention_.mix(pass, i, w.attention, h);
      const std::size_t rows = pass.keep_wanted(i, {mixer_.mixed(pass), attention_.mixed(pass)});
      mixer_.project(pass, w.mixer, rows);
      attention_.project(pass, w.attention, rows);
      ops.norm({rows, 1, d_, x, w.norm2, plan_.eps, h});
      mlp_.run(pass, w.mlp, rows, h, mlp_scale_);
    }
  }

 private:
  struct Layer {
    Vector norm1, norm2;
    Mamba2Mixer::Layer mixer;
    Attention::Layer attention;
    FeedForward::Layer mlp;
  };

  Layer plan_layer(std::size_t index) {
    const std::string prefix = "model.layers." + std::to_string(index) + ".";
    const std::string mlp = prefix + "feed_forward.";
    Layer layer{plan_.vector(prefix + "input_layernorm.weight", {d_}),
                plan_.vector(prefix + "pre_ff_layernorm.weight", {d_}),
                mixer_.layer(plan_, prefix + "mamba."),
                attention_.layer(plan_, prefix + "self_attn."),
                mlp_.layer(plan_, mlp + "gate_proj.weight", mlp + "up_proj.weight",
                           mlp + "down_proj.weight", gate_scale_)};
    if (mlp_bias_) {
      layer.mlp.bias = plan_.joined({{mlp + "gate_proj.bias", {F_}, scaled(gate_scale_)},
                                     {mlp + "up_proj.bias", {F_}, nullptr}});
      layer.mlp.down_bias = plan_.vector(mlp + "down_proj.bias", {d_}, scaled(mlp_scale_));
    }
    return layer;
  }

  std::size_t d_, F_;
  float embedding_scale_, gate_scale_, mlp_scale_;
  bool mlp_bias_;
  Matrix embedding_;
  Mamba2Mixer mixer_;
  Attention attention_;
  FeedForward mlp_;
  std::vector<Layer> layers_;
  Scratch h_;
};

}  // namespace

std::unique_ptr<const Network> make_falcon_h1(const Fields& read) {
  return std::make_unique<const FalconH1>(read);
}

}  // namespace stateline::models
