// Granite 4.0 H: Mamba-2 layers and some of attention, each followed by a feed-forward layer, with
// or without experts; the family multiplies embedding, attention, residuals and logits.
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/causal_conv.h"
#include "kernels/ssd.h"
#include "models/attention.h"
#include "models/experts.h"
#include "models/families.h"
#include "models/feed_forward.h"
#include "models/mamba2_mixer.h"
#include "models/transformers_config.h"

namespace stateline::models {
namespace {

float residual_scale(const Fields& read) {
  return real_or(read, "residual_multiplier", 1, -1e6, 1e6);
}

Mamba2Mixer::Shape mixer_shape(const Fields& read, std::size_t d, float eps) {
  const std::size_t inner = natural_or(read, "mamba_expand", 2, 1, 16) * d;
  Mamba2Mixer::Shape shape = mamba_shape(read, d, inner, eps);
  shape.out_bias = shape.in_bias;
  shape.output_scale = residual_scale(read);
  return shape;
}

Attention::Shape attention_shape(const Fields& read, std::size_t d) {
  const HeadsConfig heads = attention_heads(read, d);
  Attention::Shape shape{};
  shape.hidden_size = d;
  shape.heads = heads.heads;
  shape.kv_heads = heads.kv_heads;
  shape.head_dim = heads.head_dim;
  shape.scale = real_or(read, "attention_multiplier", 1, 0, 1e6);
  shape.bias = shape.out_bias = flag_or(read, "attention_bias", false);
  shape.output_scale = residual_scale(read);
  const std::string positions =
      read.has("position_embedding_type") ? read.text("position_embedding_type", 16) : "nope";
  if (positions != "rope" && positions != "nope")
    read.fail("position_embedding_type", "must be \"rope\" or \"nope\"");
  if (positions == "rope") {
    shape.rotary = heads.head_dim;
    shape.theta = rope(read, 1).theta;
  }
  return shape;
}

class GraniteHybrid : public Network {
 public:
  explicit GraniteHybrid(const Fields& read) {
    const CommonConfig common = common_config(read);
    read.expect("normalization_function", "rmsnorm");
    const std::size_t d = d_ = common.hidden_size;
    embedding_ = plan_around(plan_, "granitemoehybrid", common,
                             real_or(read, "rms_norm_eps", 1e-6f, 1e-12, 1), "model.");
    plan_.logit_scale = 1 / real_or(read, "logits_scaling", 1, 1e-6, 1e6);
    embedding_scale_ = real_or(read, "embedding_multiplier", 1, -1e6, 1e6);
    residual_scale_ = residual_scale(read);
    h_ = plan_.scratch(d);
    const std::vector<bool> attends = attending_layers(read, common.layers, 0);
    mixer_ = Mamba2Mixer(plan_, mixer_shape(read, d, plan_.eps));
    attention_ = Attention(plan_, attention_shape(read, d));
    mlp_ = FeedForward(plan_, d, read.natural("shared_intermediate_size", 4, kMostWidth));
    if (const std::size_t count = natural_or(read, "num_local_experts", 0, 0, kMostExperts)) {
      experts_ = Experts(plan_, {.hidden_size = d,
                                 .F = read.natural("intermediate_size", 4, kMostWidth),
                                 .experts = count,
                                 .top_k = read.natural("num_experts_per_tok", 1, count),
                                 .normalised = true});
    }
    plan_.memory.emplace_back();
    for (std::size_t i = 0; i < common.layers; ++i) {
      layers_.push_back(plan_layer(i, attends[i]));
      plan_.memory[0].push_back(attends[i]
                                    ? LayerMemory{{}, 0, attention_.memory()}
                                    : LayerMemory{mixer_.memory(), mixer_.conv_channels(), {}});
    }
  }

  void forward(const Pass& pass) const override {
    Ops& ops = pass.ops();
    const Rows x = pass.stream(), h = pass[h_];
    ops.embed(embedding_, pass.tokens(), embedding_scale_, x);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Layer& w = layers_[i];
      ops.norm({pass.rows(), 1, d_, x, w.norm1, plan_.eps, h});
      const std::size_t rows = mix(pass, i, w);
      ops.norm({rows, 1, d_, x, w.norm2, plan_.eps, h});
      if (w.experts) experts_->run(pass, *w.experts, rows, h, residual_scale_);
      mlp_.run(pass, w.mlp, rows, h, residual_scale_);
    }
  }

 private:
  struct Layer {
    Vector norm1, norm2;
    std::optional<Mamba2Mixer::Layer> mixer;  // or
    std::optional<Attention::Layer> attention;
    FeedForward::Layer mlp;
    std::optional<Experts::Layer> experts;
  };

  Layer plan_layer(std::size_t index, bool attends) {
    const std::string prefix = "model.layers." + std::to_string(index) + ".";
    Layer layer;
    layer.norm1 = plan_.vector(prefix + "input_layernorm.weight", {d_});
    layer.norm2 = plan_.vector(prefix + "post_attention_layernorm.weight", {d_});
    if (attends) layer.attention = attention_.layer(plan_, prefix + "self_attn.");
    if (!attends) layer.mixer = mixer_.layer(plan_, prefix + "mamba.");
    layer.mlp = mlp_.joined_layer(plan_, prefix + "shared_mlp.input_linear.weight",
                                  prefix + "shared_mlp.output_linear.weight");
    if (experts_) {
      const std::string moe = prefix + "block_sparse_moe.";
      layer.experts =
          experts_->joined_layer(plan_, moe + "router.layer.weight", moe + "input_linear.weight",
                                 moe + "output_linear.weight");
    }
    return layer;
  }

  std::size_t mix(const Pass& pass, std::size_t index, const Layer& w) const {
    return w.attention ? mix_into_stream(pass, index, attention_, *w.attention, pass[h_])
                       : mix_into_stream(pass, index, mixer_, *w.mixer, pass[h_]);
  }

  std::size_t d_;
  float embedding_scale_, residual_scale_;
  Matrix embedding_;
  Mamba2Mixer mixer_;
  Attention attention_;
  FeedForward mlp_;
  std::optional<Experts> experts_;
  std::vector<Layer> layers_;
  Scratch h_;
};

}  // namespace

std::unique_ptr<const Network> make_granite_hybrid(const Fields& read) {
  return std::make_unique<const GraniteHybrid>(read);
}

}  // namespace stateline::models
