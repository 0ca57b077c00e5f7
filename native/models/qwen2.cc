// Qwen2: attention alone, x += attention(norm(x)), x += mlp(norm(x)).
#include <cmath>
#include <string>
#include <vector>

#include "models/attention.h"
#include "models/families.h"
#include "models/feed_forward.h"
#include "models/transformers_config.h"

namespace stateline::models {
namespace {

class Qwen2 : public Network {
 public:
  explicit Qwen2(const Fields& read) {
    const CommonConfig common = common_config(read);
    read.expect("use_sliding_window", false);
    const HeadsConfig heads = attention_heads(read, common.hidden_size);
    const std::size_t d = d_ = common.hidden_size;
    embedding_ = plan_around(plan_, "qwen2", common, real_or(read, "rms_norm_eps", 1e-6f, 1e-12, 1),
                             "model.");
    h_ = plan_.scratch(d);
    attention_ = Attention(plan_, {.hidden_size = d,
                                   .heads = heads.heads,
                                   .kv_heads = heads.kv_heads,
                                   .head_dim = heads.head_dim,
                                   .scale = 1 / std::sqrt(static_cast<float>(heads.head_dim)),
                                   .rotary = heads.head_dim,
                                   .theta = rope(read, 1).theta,
                                   .bias = true});
    mlp_ = FeedForward(plan_, d, read.natural("intermediate_size", 4, kMostWidth));
    for (std::size_t i = 0; i < common.layers; ++i) layers_.push_back(plan_layer(i));
    plan_.memory = {
        std::vector<LayerMemory>(common.layers, LayerMemory{{}, 0, attention_.memory()})};
  }

  void forward(const Pass& pass) const override {
    Ops& ops = pass.ops();
    const Rows x = pass.stream(), h = pass[h_];
    ops.embed(embedding_, pass.tokens(), 1, x);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Layer& w = layers_[i];
      ops.norm({pass.rows(), 1, d_, x, w.norm1, plan_.eps, h});
      const std::size_t rows = mix_into_stream(pass, i, attention_, w.attention, h);
      ops.norm({rows, 1, d_, x, w.norm2, plan_.eps, h});
      mlp_.run(pass, w.mlp, rows, h);
    }
  }

 private:
  struct Layer {
    Vector norm1, norm2;
    Attention::Layer attention;
    FeedForward::Layer mlp;
  };

  Layer plan_layer(std::size_t index) {
    const std::string prefix = "model.layers." + std::to_string(index) + ".";
    const std::string mlp = prefix + "mlp.";
    return {plan_.vector(prefix + "input_layernorm.weight", {d_}),
            plan_.vector(prefix + "post_attention_layernorm.weight", {d_}),
            attention_.layer(plan_, prefix + "self_attn."),
            mlp_.layer(plan_, mlp + "gate_proj.weight", mlp + "up_proj.weight",
                       mlp + "down_proj.weight")};
  }

  std::size_t d_;
  Matrix embedding_;
  Attention attention_;
  FeedForward mlp_;
  std::vector<Layer> layers_;
  Scratch h_;
};

}  // namespace

std::unique_ptr<const Network> make_qwen2(const Fields& read) {
  return std::make_unique<const Qwen2>(read);
}

}  // namespace stateline::models
