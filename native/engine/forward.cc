#include "engine/forward.h"

#include <cassert>
#include <cmath>
#include <cstring>

namespace stateline::engine {

using kernels::kPageTokens;

Forward::Forward(const Model& model, kernels::ThreadPool& pool, std::size_t max_tokens)
    : model_(model), pool_(pool), kernels_(model.kernels()), max_tokens_(max_tokens) {
  const ModelConfig& config = model.config();
  x_.resize(max_tokens * config.hidden_size);
  h_.resize(max_tokens * config.hidden_size);
  u_.resize(max_tokens * config.in_proj_rows());
  qkv_.resize(max_tokens * config.conv_channels());
  y_.resize(max_tokens * config.inner_size());
  gate_up_.resize(max_tokens * 2 * config.intermediate_size);
  for (std::vector<float>* per_head : {&dt_, &a_, &log_dt_})
    per_head->resize(max_tokens * config.heads);
}

void Forward::advance(Branch& branch, std::span<const std::int32_t> tokens, Wanted wanted) {
  assert(!tokens.empty() && tokens.size() <= max_tokens_);
  const std::size_t d = model_.config().hidden_size, L = tokens.size();
  const std::size_t last_layer = model_.layers().size() - 1;
  branch.open(L);
  embed(tokens);
  for (std::size_t layer = 0; layer <= last_layer; ++layer) {
    const bool only_last = layer == last_layer && wanted == Wanted::kLast;
    run_layer(layer, branch, L, only_last ? L - 1 : 0);
  }
  std::memcpy(branch.hidden().data(), &x_[(L - 1) * d], d * sizeof(float));
  branch.close(L);
}

void Forward::embed(std::span<const std::int32_t> tokens) {
  const std::size_t d = model_.config().hidden_size;
  for (std::size_t t = 0; t < tokens.size(); ++t)
    model_.embedding().copy_row(static_cast<std::size_t>(tokens[t]), &x_[t * d]);
}

// Every token passes the mixer's memory; rows before `first_wanted` then stop.
void Forward::run_layer(std::size_t layer, Branch& branch, std::size_t tokens,
                        std::size_t first_wanted) {
  const ModelConfig& config = model_.config();
  const LayerWeights& w = model_.layers()[layer];
  const std::size_t d = config.hidden_size, H = config.heads, K = config.key_dim,
                    V = config.value_dim, C = config.conv_channels(), inner = config.inner_size(),
                    rows = config.in_proj_rows(), L = tokens;
  const std::size_t state_heads = branch.shape().state_heads;
  const float eps = config.rms_norm_eps;

  kernels_.rms_norm(L, 1, d, x_.data(), d, w.norm1.data(), eps, h_.data(), d);
  kernels_.linear(pool_, w.in_proj, h_.data(), L, d, u_.data(), rows);
  kernels_.causal_conv(pool_, L, C, u_.data(), rows, w.conv_weight.data(), w.conv_bias.data(),
                       branch.conv(layer), qkv_.data(), C);
  kernels_.rms_norm(L, H, K, qkv_.data(), C, w.q_norm.data(), eps, qkv_.data(), C);
  float* k = qkv_.data() + H * K;
  kernels_.rms_norm(L, H, K, k, C, w.k_norm.data(), eps, k, C);
  kernels_.discretise(L, H, u_.data() + C + inner, rows, w.dt_bias.data(),
                      w.A_log[state_heads].data(), dt_.data(), a_.data(), log_dt_.data());

  // The first heads of the switch order attend, the others keep a state.
  const std::uint32_t* order = config.head_switch_order[layer].data();
  const std::size_t attention_heads = H - state_heads;
  mix_state_heads(order + attention_heads, branch.ssm(layer), state_heads, L);
  if (attention_heads > 0) {
    write_pages(layer, order, branch, L);
    attend(layer, order, branch, L, first_wanted);
  }

  const std::size_t wanted = L - first_wanted;
  float* x = &x_[first_wanted * d];
  float* y = &y_[first_wanted * inner];
  const float* v = &qkv_[first_wanted * C + 2 * H * K];
  const float* z = &u_[first_wanted * rows + C];
  kernels_.add_scaled(wanted, H, V, w.D.data(), v, C, y, inner);
  kernels_.rms_norm(wanted, H, V, y, inner, w.out_norm[state_heads].data(), eps, y, inner);
  kernels_.sigmoid_mul(pool_, wanted, inner, z, rows, y, inner, y, inner);
  kernels_.linear(pool_, w.out_proj, y, wanted, inner, h_.data(), d);
  kernels_.add(wanted, d, h_.data(), d, x, d);
  mlp(w, wanted, x);
}

void Forward::mix_state_heads(const std::uint32_t* heads, float* ssm, std::size_t count,
                              std::size_t tokens) {
  if (count == 0) return;
  const ModelConfig& config = model_.config();
  const std::size_t H = config.heads, K = config.key_dim, V = config.value_dim,
                    C = config.conv_channels();
  const float* q = qkv_.data();
  const kernels::SsdArguments arguments{.tokens = tokens,
                                        .heads = count,
                                        .head = heads,
                                        .K = K,
                                        .V = V,
                                        .q = q,
                                        .ldq = C,
                                        .k = q + H * K,
                                        .ldk = C,
                                        .v = q + 2 * H * K,
                                        .ldv = C,
                                        .a = a_.data(),
                                        .dt = dt_.data(),
                                        .lda = H,
                                        .scale = 1 / std::sqrt(static_cast<float>(K)),
                                        .state = ssm,
                                        .y = y_.data(),
                                        .ldy = config.inner_size()};
  (tokens == 1 ? kernels_.ssd_step : kernels_.ssd_prefill)(pool_, arguments);
}

// Appends each attention head's keys, values and running decay to the branch's pages.
void Forward::write_pages(std::size_t layer, const std::uint32_t* heads, Branch& branch,
                          std::size_t tokens) {
  const ModelConfig& config = model_.config();
  const std::size_t H = config.heads, K = config.key_dim, V = config.value_dim,
                    C = config.conv_channels();
  const std::size_t count = branch.shape().attention_heads(),
                    slot_bytes = branch.shape().slot_bytes;
  const std::uint64_t begin = branch.token_count() - branch.first_position();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t head = heads[i], offset = (layer * count + i) * slot_bytes;
    const auto slot = [&](std::uint64_t at) {
      return branch.page_data()[at / kPageTokens] + offset;
    };
    // With no token left in sight any base will do: only differences are ever used.
    double cumulative =
        begin == 0 ? 0 : kernels::last_cumulative(slot(begin - 1), (begin - 1) % kPageTokens);
    for (std::size_t t = 0; t < tokens; ++t) {
      const float* row = &qkv_[t * C];
      cumulative += static_cast<double>(a_[t * H + head]);
      kernels::write_slot(slot(begin + t), (begin + t) % kPageTokens, K, V, row + (H + head) * K,
                          row + 2 * H * K + head * V, cumulative, log_dt_[t * H + head]);
    }
  }
}

void Forward::attend(std::size_t layer, const std::uint32_t* heads, Branch& branch,
                     std::size_t tokens, std::size_t first_wanted) {
  const ModelConfig& config = model_.config();
  const StateShape& shape = branch.shape();
  const std::size_t C = config.conv_channels(), inner = config.inner_size();
  const kernels::AttentionArguments arguments{
      .tokens = tokens - first_wanted,
      .heads = shape.attention_heads(),
      .head = heads,
      .K = config.key_dim,
      .V = config.value_dim,
      .q = &qkv_[first_wanted * C],
      .ldq = C,
      .query_scale = model_.layers()[layer].query_scale.data(),
      .pages = branch.page_data().data(),
      .page_count = branch.page_data().size(),
      .offset = layer * shape.attention_heads() * shape.slot_bytes,
      .first_position = branch.first_position(),
      .first_query = branch.token_count() + first_wanted,
      .window = shape.window,
      .y = &y_[first_wanted * inner],
      .ldy = inner,
      .key_bound = model_.layers()[layer].key_bound.data()};
  kernels_.attention(pool_, arguments);
}

void Forward::mlp(const LayerWeights& w, std::size_t rows, float* x) {
  const std::size_t d = model_.config().hidden_size, F = model_.config().intermediate_size;
  float* gate = gate_up_.data();
  kernels_.rms_norm(rows, 1, d, x, d, w.norm2.data(), model_.config().rms_norm_eps, h_.data(), d);
  kernels_.linear(pool_, w.gate_up_proj, h_.data(), rows, d, gate, 2 * F);
  kernels_.silu_mul(pool_, rows, F, gate, 2 * F, gate + F, 2 * F, gate, 2 * F);
  kernels_.linear(pool_, w.down_proj, gate, rows, 2 * F, h_.data(), d);
  kernels_.add(rows, d, h_.data(), d, x, d);
}

LogitsHead::LogitsHead(const Model& model, kernels::ThreadPool& pool, std::size_t max_rows)
    : model_(model),
      pool_(pool),
      max_rows_(max_rows),
      normed_(max_rows * model.config().hidden_size) {}

void LogitsHead::compute(const float* hidden, std::size_t rows, float* out) {
  assert(rows <= max_rows_);
  const ModelConfig& config = model_.config();
  model_.kernels().rms_norm(rows, 1, config.hidden_size, hidden, config.hidden_size,
                            model_.final_norm().data(), config.rms_norm_eps, normed_.data(),
                            config.hidden_size);
  model_.kernels().linear(pool_, model_.embedding(), normed_.data(), rows, config.hidden_size, out,
                          config.vocab_size);
}

}  // namespace stateline::engine
