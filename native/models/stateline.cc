#include "models/stateline.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "formats/fields.h"
#include "formats/json.h"
#include "kernels/causal_conv.h"
#include "kernels/ssd.h"
#include "models/families.h"
#include "models/feed_forward.h"
#include "models/prepare.h"

namespace stateline::models {
namespace {

using formats::Fields;
using formats::Json;

// One permutation of 0..heads-1 a layer.
std::vector<std::vector<std::uint32_t>> permutations(const Fields& read, const std::string& name,
                                                     std::size_t layers, std::size_t heads) {
  const Json& rows = read.field(name);
  if (!rows.is_array() || rows.size() != layers)
    read.fail(name, "must have one list for each layer");
  std::vector<std::vector<std::uint32_t>> out;
  for (const Json& row : rows) {
    std::vector<bool> seen(heads, false);
    std::vector<std::uint32_t>& order = out.emplace_back();
    if (!row.is_array() || row.size() != heads) read.fail(name, "must list every head of a layer");
    for (const Json& head : row) {
      const bool fits = head.is_number_unsigned() && head.get<std::uint64_t>() < heads &&
                        !seen[head.get<std::size_t>()];
      if (!fits) read.fail(name, "must list every head of a layer exactly once");
      seen[head.get<std::size_t>()] = true;
      order.push_back(head.get<std::uint32_t>());
    }
  }
  return out;
}

// Everything later products are made of is bounded here, so that they cannot overflow.
StatelineConfig parse(const Fields& read) {
  if (read.field("tie_word_embeddings") != true) read.fail("tie_word_embeddings", "must be true");
  read.natural("conv_width", kernels::kConvWidth, kernels::kConvWidth);
  StatelineConfig config;
  config.vocab_size = read.natural("vocab_size", 1, 1u << 20);
  config.hidden_size = read.natural("hidden_size", 4, 1u << 14);
  config.layers = read.natural("num_hidden_layers", 1, 64);
  config.heads = read.natural("num_heads", 1, 64);
  config.key_dim = read.natural("key_dim", 4, kernels::kMaxKeyDim);
  config.value_dim = read.natural("value_dim", 4, kernels::kMaxValueDim);
  config.intermediate_size = read.natural("intermediate_size", 4, 1u << 16);
  config.rms_norm_eps = static_cast<float>(read.real("rms_norm_eps", 1e-12, 1));
  config.attention_window = read.natural("attention_window", 0, 1u << 30);
  config.hybrid_ratio = read.real("hybrid_ratio", 0, 1);
  config.head_switch_order = permutations(read, "head_switch_order", config.layers, config.heads);
  return config;
}

// by mode [2, H, width] -> [H + 1, H, width]: for each number of state heads, each head's row in
// the mode that it runs in.
Prepare by_state_heads(std::size_t width, std::vector<std::uint32_t> switch_order) {
  return [width, order = std::move(switch_order)](std::vector<float> by_mode) {
    const std::size_t heads = order.size(), all = heads * width;
    std::vector<float> out;
    for (std::size_t state_heads = 0; state_heads <= heads; ++state_heads) {
      out.insert(out.end(), by_mode.begin(), by_mode.begin() + static_cast<std::ptrdiff_t>(all));
      for (std::size_t i = 0; i < heads - state_heads; ++i) {
        const std::size_t row = order[i] * width;
        std::memcpy(&out[state_heads * all + row], &by_mode[all + row], width * sizeof(float));
      }
    }
    return out;
  };
}

// exp(temperature) / sqrt(K)
Prepare query_scale(std::size_t K) {
  return [K](std::vector<float> temperature) {
    for (float& scale : temperature) scale = std::exp(scale) / std::sqrt(static_cast<float>(K));
    return temperature;
  };
}

// Upper bounds of |k| per head: a normalised row of K has the length sqrt(K) before its gain.
Prepare key_bounds(std::size_t K) {
  return [K](std::vector<float> k_norm) {
    std::vector<float> bounds(k_norm.size() / K, 0.0f);
    for (std::size_t i = 0; i < k_norm.size(); ++i)
      bounds[i / K] = std::max(bounds[i / K], std::abs(k_norm[i]));
    for (float& bound : bounds) bound *= std::sqrt(static_cast<float>(K));
    return bounds;
  };
}

class StatelineNetwork : public Network {
 public:
  explicit StatelineNetwork(StatelineConfig config);
  void forward(const Pass& pass) const override;

 private:
  struct Layer {
    Vector norm1, norm2;    // [d]
    Matrix in_proj;         // [2 H K + 2 H V + H, d], rows q k v z dt
    Vector conv_weight;     // [4, C], tap-major
    Vector conv_bias;       // [C]
    Vector q_norm, k_norm;  // [H, K]
    Vector dt_bias, D;      // [H]
    Vector query_scale;     // [H] exp(temperature) / sqrt(K)
    Vector key_bound;       // [H] no key of the head is longer; see kernels/attention.h
    Vector A_log;           // [H + 1, H], by the number of state heads
    Vector out_norm;        // [H + 1, H, V], likewise
    Matrix out_proj;        // [d, H V]
    FeedForward::Layer mlp;
    Indices switch_order;  // [H]; the first attend
  };

  Layer plan_layer(std::size_t index);
  std::vector<LayerMemory> memory(std::size_t state_heads) const;
  void mix(const Pass& pass, std::size_t index) const;
  void project(const Pass& pass, const Layer& w, std::size_t rows) const;

  StatelineConfig config_;
  Matrix embedding_;  // [vocab, d], tied
  FeedForward mlp_;
  std::vector<Layer> layers_;
  Scratch h_;                // d: normalised input
  Scratch u_;                // in_proj rows: q k v z dt
  Scratch qkv_;              // C: after the convolution
  Scratch y_;                // H V: mixed values
  Scratch dt_, a_, log_dt_;  // H
};

StatelineNetwork::StatelineNetwork(StatelineConfig config) : config_(std::move(config)) {
  const std::size_t d = config_.hidden_size, H = config_.heads;
  plan_.family = "stateline";
  plan_.vocab_size = config_.vocab_size;
  plan_.hidden_size = d;
  plan_.layers = config_.layers;
  plan_.heads = H;
  plan_.hybrid_ratio = config_.hybrid_ratio;
  plan_.attention_window = config_.attention_window;
  for (std::size_t heads = 0; heads <= H; ++heads) plan_.memory.push_back(memory(heads));
  embedding_ = plan_.matrix("model.embed_tokens.weight", config_.vocab_size, d);
  plan_.head = embedding_;
  plan_.final_norm = plan_.vector("model.norm.weight", {d});
  plan_.eps = config_.rms_norm_eps;
  mlp_ = FeedForward(plan_, d, config_.intermediate_size);
  for (std::size_t i = 0; i < config_.layers; ++i) layers_.push_back(plan_layer(i));
  plan_.stream = plan_.scratch(d, Precision::kFull);
  h_ = plan_.scratch(d);
  u_ = plan_.scratch(config_.in_proj_rows());
  qkv_ = plan_.scratch(config_.conv_channels());
  y_ = plan_.scratch(config_.inner_size());
  for (Scratch* per_head : {&dt_, &a_, &log_dt_}) *per_head = plan_.scratch(H, Precision::kFull);
}

StatelineNetwork::Layer StatelineNetwork::plan_layer(std::size_t index) {
  const std::string layer = "model.layers." + std::to_string(index) + ".";
  const std::vector<std::uint32_t>& order = config_.head_switch_order[index];
  const std::size_t d = config_.hidden_size, H = config_.heads, K = config_.key_dim,
                    V = config_.value_dim, C = config_.conv_channels();
  constexpr std::size_t kModes = 2;  // state, attention
  return {
      .norm1 = plan_.vector(layer + "norm1.weight", {d}),
      .norm2 = plan_.vector(layer + "norm2.weight", {d}),
      .in_proj = plan_.matrix(layer + "mixer.in_proj.weight", config_.in_proj_rows(), d),
      .conv_weight = plan_.vector(layer + "mixer.conv.weight", {C, kernels::kConvWidth}, tap_major),
      .conv_bias = plan_.vector(layer + "mixer.conv.bias", {C}),
      .q_norm = plan_.vector(layer + "mixer.q_norm", {H, K}),
      .k_norm = plan_.vector(layer + "mixer.k_norm", {H, K}),
      .dt_bias = plan_.vector(layer + "mixer.dt_bias", {H}),
      .D = plan_.vector(layer + "mixer.D", {H}),
      .query_scale = plan_.vector(layer + "mixer.temperature", {H}, query_scale(K)),
      .key_bound = plan_.vector(layer + "mixer.k_norm", {H, K}, key_bounds(K)),
      .A_log = plan_.vector(layer + "mixer.A_log", {kModes, H}, by_state_heads(1, order)),
      .out_norm = plan_.vector(layer + "mixer.out_norm", {kModes, H, V}, by_state_heads(V, order)),
      .out_proj = plan_.matrix(layer + "mixer.out_proj.weight", d, config_.inner_size()),
      .mlp = mlp_.joined_layer(plan_, layer + "mlp.gate_up_proj.weight",
                               layer + "mlp.down_proj.weight"),
      .switch_order = plan_.indices(order),
  };
}

std::vector<LayerMemory> StatelineNetwork::memory(std::size_t state_heads) const {
  const std::size_t K = config_.key_dim, V = config_.value_dim;
  const LayerMemory layer{
      {state_heads, K, V}, config_.conv_channels(), {config_.heads - state_heads, K, V}};
  return std::vector<LayerMemory>(config_.layers, layer);
}

void StatelineNetwork::forward(const Pass& pass) const {
  pass.ops().embed(embedding_, pass.tokens(), 1, pass.stream());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    mix(pass, i);
    project(pass, layers_[i], pass.keep_wanted(i, {{pass[y_], config_.inner_size()}}));
  }
}

// From the residual stream to each head's y.
void StatelineNetwork::mix(const Pass& pass, std::size_t index) const {
  const Layer& w = layers_[index];
  const std::size_t d = config_.hidden_size, H = config_.heads, K = config_.key_dim,
                    V = config_.value_dim, C = config_.conv_channels();
  const std::size_t rows = pass.rows(), n_s = pass.state_heads();
  const float eps = config_.rms_norm_eps;
  const Rows u = pass[u_], h = pass[h_], y = pass[y_], dt = pass[dt_], a = pass[a_];
  const Rows q = pass[qkv_], k = q.from(0, H * K), v = q.from(0, 2 * H * K);
  Ops& ops = pass.ops();

  ops.norm({rows, 1, d, pass.stream(), w.norm1, eps, h});
  ops.linear({w.in_proj, rows, h, u});
  pass.convolve(index, w.conv_weight, w.conv_bias, u, q);
  ops.norm({rows, H, K, q, w.q_norm, eps, q});
  ops.norm({rows, H, K, k, w.k_norm, eps, k});
  ops.discretise({rows, H, u.from(0, C + config_.inner_size()), w.dt_bias, w.A_log.from(n_s * H),
                  dt, a, pass[log_dt_]});
  pass.recur(index, {.heads = n_s,
                     .head = w.switch_order.from(H - n_s),
                     .key_heads = H,
                     .all = H,
                     .K = K,
                     .V = V,
                     .q = q,
                     .k = k,
                     .v = v,
                     .a = a,
                     .dt = dt,
                     .scale = 1 / std::sqrt(static_cast<float>(K)),
                     .y = y});
  pass.attend(index, {.heads = H - n_s,
                      .head = w.switch_order,
                      .slots = H - n_s,
                      .K = K,
                      .V = V,
                      .q = q,
                      .k = k,
                      .v = v,
                      .a = a,
                      .log_dt = pass[log_dt_],
                      .query_scale = w.query_scale,
                      .key_bound = w.key_bound,
                      .y = y});
  const std::size_t first = pass.first_wanted(index);
  ops.end_heads({.rows = rows - first,
                 .heads = H,
                 .V = V,
                 .D = w.D,
                 .v = v.from(first),
                 .weight = w.out_norm.from(n_s * H * V),
                 .norm_groups = H,
                 .eps = eps,
                 .f = Activation::kSigmoid,
                 .z = u.from(first, C),
                 .y = y.from(first)});
}

// Of the first rows: the heads' values into the residual stream, then the feed-forward layer.
void StatelineNetwork::project(const Pass& pass, const Layer& w, std::size_t rows) const {
  pass.add_to_stream(w.out_proj, std::nullopt, rows, pass[y_]);
  pass.ops().norm(
      {rows, 1, config_.hidden_size, pass.stream(), w.norm2, config_.rms_norm_eps, pass[h_]});
  mlp_.run(pass, w.mlp, rows, pass[h_]);
}

}  // namespace

std::unique_ptr<const Network> make_stateline(const formats::Fields& read) {
  return std::make_unique<const StatelineNetwork>(parse(read));
}

}  // namespace stateline::models
