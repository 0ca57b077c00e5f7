// Qwen3-Next and Qwen3.5: layers of the gated delta rule and some of gated attention, each followed
// by a feed-forward layer, in Next of experts; norms hold the difference from 1.
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "kernels/causal_conv.h"
#include "kernels/ssd.h"
#include "models/attention.h"
#include "models/experts.h"
#include "models/families.h"
#include "models/feed_forward.h"
#include "models/gated_delta.h"
#include "models/prepare.h"
#include "models/transformers_config.h"

namespace stateline::models {
namespace {

using Parts = GatedDelta::Parts;

// Per key head a block of rows [q | k | v | z], and of [b | a].
Parts interleaved(const std::string& prefix, const GatedDelta::Shape& s) {
  const std::size_t ratio = s.heads / s.key_heads, values = ratio * s.V;
  const std::size_t block = 2 * s.K + 2 * values;
  Parts parts;
  const auto add = [&](const char* name, std::size_t first, std::size_t rows, std::size_t stride) {
    for (std::size_t j = 0; j < s.key_heads; ++j)
      parts.push_back({prefix + name, rows, j * stride + first, s.key_heads * stride});
  };
  for (const std::size_t first : {std::size_t{0}, s.K})
    add("in_proj_qkvz.weight", first, s.K, block);
  for (const std::size_t first : {2 * s.K, 2 * s.K + values})
    add("in_proj_qkvz.weight", first, values, block);
  for (const std::size_t first : {std::size_t{0}, ratio})
    add("in_proj_ba.weight", first, ratio, 2 * ratio);
  return parts;
}

Parts contiguous(const std::string& prefix, const GatedDelta::Shape& s) {
  return {{prefix + "in_proj_qkv.weight", s.channels()},
          {prefix + "in_proj_z.weight", s.values()},
          {prefix + "in_proj_b.weight", s.heads},
          {prefix + "in_proj_a.weight", s.heads}};
}

GatedDelta::Shape delta_shape(const Fields& read, std::size_t d, float eps) {
  GatedDelta::Shape shape{};
  shape.hidden_size = d;
  shape.key_heads = read.natural("linear_num_key_heads", 1, kMostHeads);
  shape.heads = read.natural("linear_num_value_heads", 1, kMostHeads);
  if (shape.heads % shape.key_heads != 0)
    read.fail("linear_num_value_heads", "must be a multiple of linear_num_key_heads");
  shape.K = read.natural("linear_key_head_dim", 4, kernels::kMaxKeyDim);
  shape.V = read.natural("linear_value_head_dim", 4, kernels::kMaxValueDim);
  natural_or(read, "linear_conv_kernel_dim", kernels::kConvWidth, kernels::kConvWidth,
             kernels::kConvWidth);
  shape.eps = eps;
  return shape;
}

Attention::Shape attention_shape(const Fields& read, std::size_t d, float eps) {
  const HeadsConfig heads = attention_heads(read, d);
  const Rope turn = rope(read, 0.25);
  Attention::Shape shape{};
  shape.hidden_size = d;
  shape.heads = heads.heads;
  shape.kv_heads = heads.kv_heads;
  shape.head_dim = heads.head_dim;
  shape.scale = 1 / std::sqrt(static_cast<float>(heads.head_dim));
  shape.rotary = static_cast<std::size_t>(static_cast<double>(heads.head_dim) * turn.share) / 2 * 2;
  shape.theta = turn.theta;
  read.expect("attention_bias", false);
  shape.gated = shape.normed = true;
  shape.eps = eps;
  return shape;
}

class Qwen3 : public Network {
 public:
  // `root` names the tensors: of the text model.
  Qwen3(const Fields& read, std::string family, std::string root, bool tied, bool next)
      : root_(std::move(root)), next_(next) {
    CommonConfig common = common_config(read);
    common.tied = tied;
    const std::size_t d = d_ = common.hidden_size;
    embedding_ =
        plan_around(plan_, std::move(family), common,
                    real_or(read, "rms_norm_eps", 1e-6f, 1e-12, 1), root_, "norm.weight", plus_one);
    h_ = plan_.scratch(d);
    read.expect("attn_output_gate", true);
    delta_ = GatedDelta(plan_, delta_shape(read, d, plan_.eps));
    attention_ = Attention(plan_, attention_shape(read, d, plan_.eps));
    const std::vector<bool> attends = attending_layers(
        read, common.layers, natural_or(read, "full_attention_interval", 4, 1, kMostLayers));
    const std::vector<bool> dense = dense_layers(read, common.layers);
    plan_feed_forward(read, dense);
    plan_.memory.emplace_back();
    for (std::size_t i = 0; i < common.layers; ++i) {
      layers_.push_back(plan_layer(i, attends[i], dense[i]));
      plan_.memory[0].push_back(attends[i]
                                    ? LayerMemory{{}, 0, attention_.memory()}
                                    : LayerMemory{delta_.memory(), delta_.conv_channels(), {}});
    }
  }

  void forward(const Pass& pass) const override {
    Ops& ops = pass.ops();
    const Rows x = pass.stream(), h = pass[h_];
    ops.embed(embedding_, pass.tokens(), 1, x);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Layer& w = layers_[i];
      ops.norm({pass.rows(), 1, d_, x, w.norm1, plan_.eps, h});
      const std::size_t rows = mix(pass, i, w);
      ops.norm({rows, 1, d_, x, w.norm2, plan_.eps, h});
      if (w.mlp) mlp_.run(pass, *w.mlp, rows, h);
      if (w.experts) run_experts(pass, w, rows, h);
    }
  }

 private:
  struct Layer {
    Vector norm1, norm2;
    std::optional<GatedDelta::Layer> delta;  // or
    std::optional<Attention::Layer> attention;
    std::optional<FeedForward::Layer> mlp;  // or
    std::optional<Experts::Layer> experts;
    std::optional<FeedForward::Layer> shared;  // beside the experts,
    Matrix shared_gate;                        // [1, d] as much as its sigmoid says
  };

  // In 3.5 all.
  std::vector<bool> dense_layers(const Fields& read, std::size_t layers) const {
    std::vector<bool> dense(layers, true);
    if (!next_ || natural_or(read, "num_experts", 0, 0, kMostExperts) == 0) return dense;
    const std::size_t step = natural_or(read, "decoder_sparse_step", 1, 1, kMostLayers);
    for (std::size_t i = 0; i < layers; ++i) dense[i] = (i + 1) % step != 0;
    if (!read.has("mlp_only_layers")) return dense;
    for (const formats::Json& layer : read.field("mlp_only_layers"))
      if (layer.is_number_unsigned() && layer.get<std::size_t>() < layers)
        dense[layer.get<std::size_t>()] = true;
    return dense;
  }

  void plan_feed_forward(const Fields& read, const std::vector<bool>& dense) {
    mlp_ = FeedForward(plan_, d_, read.natural("intermediate_size", 4, kMostWidth));
    if (std::find(dense.begin(), dense.end(), false) == dense.end()) return;
    const std::size_t count = read.natural("num_experts", 1, kMostExperts);
    experts_ = Experts(plan_, {.hidden_size = d_,
                               .F = read.natural("moe_intermediate_size", 4, kMostWidth),
                               .experts = count,
                               .top_k = read.natural("num_experts_per_tok", 1, count),
                               .normalised = flag_or(read, "norm_topk_prob", true)});
    shared_ =
        FeedForward(plan_, d_, read.natural("shared_expert_intermediate_size", 4, kMostWidth));
    shared_gate_ = plan_.scratch(1);
  }

  Layer plan_layer(std::size_t index, bool attends, bool dense) {
    const std::string prefix = root_ + "layers." + std::to_string(index) + ".";
    const std::string mlp = prefix + "mlp.", linear = prefix + "linear_attn.";
    const auto feed_forward = [&](const FeedForward& of, const std::string& at) {
      return of.layer(plan_, at + "gate_proj.weight", at + "up_proj.weight",
                      at + "down_proj.weight");
    };
    Layer layer;
    layer.norm1 = plan_.vector(prefix + "input_layernorm.weight", {d_}, plus_one);
    layer.norm2 = plan_.vector(prefix + "post_attention_layernorm.weight", {d_}, plus_one);
    if (attends) {
      layer.attention = attention_.layer(plan_, prefix + "self_attn.");
    } else {
      layer.delta = delta_.layer(
          plan_, linear,
          next_ ? interleaved(linear, delta_.shape()) : contiguous(linear, delta_.shape()));
    }
    if (dense) {
      layer.mlp = feed_forward(mlp_, mlp);
      return layer;
    }
    layer.experts = experts_->layer(plan_, mlp + "gate.weight", mlp + "experts.");
    layer.shared = feed_forward(shared_, mlp + "shared_expert.");
    layer.shared_gate = plan_.matrix(mlp + "shared_expert_gate.weight", 1, d_);
    return layer;
  }

  std::size_t mix(const Pass& pass, std::size_t index, const Layer& w) const {
    return w.attention ? mix_into_stream(pass, index, attention_, *w.attention, pass[h_])
                       : mix_into_stream(pass, index, delta_, *w.delta, pass[h_]);
  }

  void run_experts(const Pass& pass, const Layer& w, std::size_t rows, Rows x) const {
    experts_->run(pass, *w.experts, rows, x, 1);
    pass.ops().linear({.W = w.shared_gate, .rows = rows, .x = x, .y = pass[shared_gate_]});
    shared_.run(pass, *w.shared, rows, x, 1, pass[shared_gate_]);
  }

  std::string root_;
  bool next_;
  std::size_t d_;
  Matrix embedding_;
  GatedDelta delta_;
  Attention attention_;
  FeedForward mlp_, shared_;
  std::optional<Experts> experts_;
  std::vector<Layer> layers_;
  Scratch h_, shared_gate_;
};

}  // namespace

std::unique_ptr<const Network> make_qwen3_next(const Fields& read) {
  const bool tied = flag_or(read, "tie_word_embeddings", false);
  return std::make_unique<const Qwen3>(read, "qwen3_next", "model.", tied, true);
}

// The text model alone, or inside one that also sees; then the outer configuration says whether
// the embedding is tied.
std::unique_ptr<const Network> make_qwen3_5(const Fields& read) {
  const bool tied = flag_or(read, "tie_word_embeddings", false);
  if (!read.has("text_config"))
    return std::make_unique<const Qwen3>(read, "qwen3_5", "model.", tied, false);
  return std::make_unique<const Qwen3>(read.inside("text_config"), "qwen3_5",
                                       "model.language_model.", tied, false);
}

}  // namespace stateline::models
