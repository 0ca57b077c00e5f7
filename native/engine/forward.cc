#include "engine/forward.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <numeric>

namespace stateline::engine {

using kernels::kConvHistory;
using kernels::kPageTokens;

namespace {

// So few tokens are faster by the recurrence itself than by a chunk, which is made for 64.
constexpr std::size_t kSteppedTokens = 8;

}  // namespace

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
  wanted_.reserve(max_tokens);
}

void Forward::advance(Branch& branch, std::span<const std::int32_t> tokens, Wanted wanted) {
  const std::size_t L = tokens.size();
  wanted_.resize(wanted == Wanted::kAll ? L : 1);
  std::iota(wanted_.begin(), wanted_.end(), L - wanted_.size());
  branch.open(L);
  Text text{branch, 0, L};
  run(std::span(&text, 1), tokens);
  keep_hidden(wanted_.size() - 1, branch.hidden());
  branch.close(L);
}

std::vector<StatePtr> Forward::advance_through(Branch& branch, std::span<const std::int32_t> tokens,
                                               std::span<const std::size_t> checkpoints) {
  const std::size_t L = tokens.size();
  branch.open(L);
  std::vector<Checkpoint> kept;
  wanted_.clear();
  for (const std::size_t count : checkpoints) {
    kept.push_back({count, branch.checkpoint(count)});
    wanted_.push_back(count - 1);
  }
  if (wanted_.empty() || wanted_.back() != L - 1) wanted_.push_back(L - 1);
  Text text{branch, 0, L, kept};
  run(std::span(&text, 1), tokens);
  keep_hidden(wanted_.size() - 1, branch.hidden());
  branch.close(L);
  std::vector<StatePtr> states;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    keep_hidden(i, kept[i].memory.hidden);
    states.push_back(
        std::make_shared<const State>(model_, branch.shape(), std::move(kept[i].memory)));
  }
  return states;
}

void Forward::step(std::span<Branch* const> branches, std::span<const std::int32_t> tokens) {
  assert(branches.size() == tokens.size());
  std::vector<Text> texts;
  for (Branch* branch : branches) {
    assert(branch->shape() == branches[0]->shape());
    branch->open(1);
    texts.push_back({*branch, texts.size(), 1});
  }
  wanted_.resize(texts.size());
  std::iota(wanted_.begin(), wanted_.end(), std::size_t{0});
  run(texts, tokens);
  for (const Text& text : texts) {
    keep_hidden(text.first, text.branch.hidden());
    text.branch.close(1);
  }
}

void Forward::keep_hidden(std::size_t row, Buffer& hidden) const {
  std::memcpy(hidden.data(), &x_[row * model_.config().hidden_size], hidden.size());
}

// Every row passes the mixers' memories; those that nobody wants then stop.
void Forward::run(std::span<Text> texts, std::span<const std::int32_t> tokens) {
  const std::size_t L = tokens.size(), last = model_.layers().size() - 1;
  assert(L > 0 && L <= max_tokens_);
  embed(tokens);
  for (std::size_t layer = 0; layer <= last; ++layer) {
    const std::size_t first = layer == last ? wanted_.front() : 0;
    mix(layer, texts, L, first);
    gate(layer, texts[0].branch.shape().state_heads, first, L - first);
    if (layer == last) keep_wanted_rows();
    project(model_.layers()[layer], layer == last ? wanted_.size() : L);
  }
}

void Forward::embed(std::span<const std::int32_t> tokens) {
  const std::size_t d = model_.config().hidden_size;
  for (std::size_t t = 0; t < tokens.size(); ++t)
    model_.embedding().copy_row(static_cast<std::size_t>(tokens[t]), &x_[t * d]);
}

// From the residual stream to each head's y; heads that attend look for no row before first_wanted.
void Forward::mix(std::size_t layer, std::span<Text> texts, std::size_t rows,
                  std::size_t first_wanted) {
  const ModelConfig& config = model_.config();
  const LayerWeights& w = model_.layers()[layer];
  const std::size_t d = config.hidden_size, H = config.heads, K = config.key_dim,
                    C = config.conv_channels(), ldu = config.in_proj_rows();
  const std::size_t state_heads = texts[0].branch.shape().state_heads;
  const float eps = config.rms_norm_eps;

  kernels_.rms_norm(rows, 1, d, x_.data(), d, w.norm1.data(), eps, h_.data(), d);
  kernels_.linear(pool_, w.in_proj, h_.data(), rows, d, u_.data(), ldu);
  for (Text& text : texts) convolve(layer, text);
  kernels_.rms_norm(rows, H, K, qkv_.data(), C, w.q_norm.data(), eps, qkv_.data(), C);
  float* k = qkv_.data() + H * K;
  kernels_.rms_norm(rows, H, K, k, C, w.k_norm.data(), eps, k, C);
  kernels_.discretise({rows, H, u_.data() + C + config.inner_size(), ldu, w.dt_bias.data(),
                       w.A_log[state_heads].data(), dt_.data(), a_.data(), log_dt_.data()});
  for (Text& text : texts) {
    if (state_heads > 0) mix_state_heads(layer, text);
    if (state_heads == H) continue;
    write_pages(layer, text);
    attend(layer, text, first_wanted);
  }
}

void Forward::convolve(std::size_t layer, Text& text) {
  const LayerWeights& w = model_.layers()[layer];
  const std::size_t C = model_.config().conv_channels(), ldu = model_.config().in_proj_rows();
  const float* u = &u_[text.first * ldu];
  float* history = text.branch.conv(layer);
  // A checkpoint's history is what the convolution read last, of the text or from before it.
  for (Checkpoint& checkpoint : text.checkpoints) {
    float* kept = checkpoint.memory.conv.floats() + layer * kConvHistory * C;
    for (std::size_t i = 0; i < kConvHistory; ++i) {
      const std::size_t at = checkpoint.tokens + i;
      const float* row = at < kConvHistory ? history + at * C : u + (at - kConvHistory) * ldu;
      std::memcpy(kept + i * C, row, C * sizeof(float));
    }
  }
  kernels_.causal_conv(pool_, {text.tokens, C, u, ldu, w.conv_weight.data(), w.conv_bias.data(),
                               history, &qkv_[text.first * C], C});
}

// The last heads of the switch order keep a state.
void Forward::mix_state_heads(std::size_t layer, Text& text) {
  const StateShape& shape = text.branch.shape();
  float* ssm = text.branch.ssm(layer);
  std::size_t done = 0;
  const auto read_to = [&](std::size_t end) {
    if (end > done) run_recurrence(layer, text.first + done, end - done, ssm, shape.state_heads);
    done = end;
  };
  for (Checkpoint& checkpoint : text.checkpoints) {
    read_to(checkpoint.tokens);
    std::memcpy(checkpoint.memory.ssm.floats() + layer * shape.ssm_layer_floats(), ssm,
                shape.ssm_layer_floats() * sizeof(float));
  }
  read_to(text.tokens);
}

void Forward::run_recurrence(std::size_t layer, std::size_t first, std::size_t tokens, float* ssm,
                             std::size_t heads) {
  const ModelConfig& config = model_.config();
  const std::size_t H = config.heads, K = config.key_dim, C = config.conv_channels();
  const float* q = &qkv_[first * C];
  if (tokens > 1 && tokens <= kSteppedTokens) {
    for (std::size_t t = 0; t < tokens; ++t) run_recurrence(layer, first + t, 1, ssm, heads);
    return;
  }
  const kernels::SsdArguments arguments{
      .tokens = tokens,
      .heads = heads,
      .head = config.head_switch_order[layer].data() + (H - heads),
      .K = K,
      .V = config.value_dim,
      .q = q,
      .ldq = C,
      .k = q + H * K,
      .ldk = C,
      .v = q + 2 * H * K,
      .ldv = C,
      .a = &a_[first * H],
      .dt = &dt_[first * H],
      .lda = H,
      .scale = 1 / std::sqrt(static_cast<float>(K)),
      .state = ssm,
      .y = &y_[first * config.inner_size()],
      .ldy = config.inner_size()};
  (tokens == 1 ? kernels_.ssd_step : kernels_.ssd_prefill)(pool_, arguments);
}

// Appends each attention head's keys, values and running decay to the branch's pages. The first
// heads of the switch order attend.
void Forward::write_pages(std::size_t layer, Text& text) {
  const ModelConfig& config = model_.config();
  const std::size_t H = config.heads, K = config.key_dim, V = config.value_dim,
                    C = config.conv_channels();
  Branch& branch = text.branch;
  const std::uint32_t* heads = config.head_switch_order[layer].data();
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
    for (std::size_t t = 0; t < text.tokens; ++t) {
      const std::size_t row = text.first + t;
      const float* qkv = &qkv_[row * C];
      cumulative += static_cast<double>(a_[row * H + head]);
      kernels::write_slot(slot(begin + t), (begin + t) % kPageTokens, K, V, qkv + (H + head) * K,
                          qkv + 2 * H * K + head * V, cumulative, log_dt_[row * H + head]);
    }
  }
}

void Forward::attend(std::size_t layer, const Text& text, std::size_t first_wanted) {
  const ModelConfig& config = model_.config();
  const Branch& branch = text.branch;
  const StateShape& shape = branch.shape();
  const std::size_t C = config.conv_channels(), inner = config.inner_size();
  const std::size_t first = std::max(text.first, first_wanted), end = text.first + text.tokens;
  const kernels::AttentionArguments arguments{
      .tokens = end - first,
      .heads = shape.attention_heads(),
      .head = config.head_switch_order[layer].data(),
      .K = config.key_dim,
      .V = config.value_dim,
      .q = &qkv_[first * C],
      .ldq = C,
      .query_scale = model_.layers()[layer].query_scale.data(),
      .pages = branch.page_data().data(),
      .page_count = branch.page_data().size(),
      .offset = layer * shape.attention_heads() * shape.slot_bytes,
      .first_position = branch.first_position(),
      .first_query = branch.token_count() + (first - text.first),
      .window = shape.window,
      .y = &y_[first * inner],
      .ldy = inner,
      .key_bound = model_.layers()[layer].key_bound.data()};
  kernels_.attention(pool_, arguments);
}

// Skip, norm and gate of the heads' values, in place.
void Forward::gate(std::size_t layer, std::size_t state_heads, std::size_t first,
                   std::size_t rows) {
  const ModelConfig& config = model_.config();
  const LayerWeights& w = model_.layers()[layer];
  const std::size_t H = config.heads, V = config.value_dim, C = config.conv_channels(),
                    inner = config.inner_size(), ldu = config.in_proj_rows();
  float* y = &y_[first * inner];
  const float* v = &qkv_[first * C + 2 * H * config.key_dim];
  const float* z = &u_[first * ldu + C];
  kernels_.add_scaled(rows, H, V, w.D.data(), v, C, y, inner);
  kernels_.rms_norm(rows, H, V, y, inner, w.out_norm[state_heads].data(), config.rms_norm_eps, y,
                    inner);
  kernels_.sigmoid_mul(pool_, rows, inner, z, ldu, y, inner, y, inner);
}

void Forward::keep_wanted_rows() {
  const std::size_t d = model_.config().hidden_size, inner = model_.config().inner_size();
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    if (wanted_[i] == i) continue;
    std::memcpy(&x_[i * d], &x_[wanted_[i] * d], d * sizeof(float));
    std::memcpy(&y_[i * inner], &y_[wanted_[i] * inner], inner * sizeof(float));
  }
}

// Of the first rows: the heads' values into the residual stream, then the feed-forward layer.
void Forward::project(const LayerWeights& w, std::size_t rows) {
  const ModelConfig& config = model_.config();
  const std::size_t d = config.hidden_size, F = config.intermediate_size,
                    inner = config.inner_size();
  float *x = x_.data(), *h = h_.data(), *gate = gate_up_.data();
  kernels_.linear(pool_, w.out_proj, y_.data(), rows, inner, h, d);
  kernels_.add(rows, d, h, d, x, d);
  kernels_.rms_norm(rows, 1, d, x, d, w.norm2.data(), config.rms_norm_eps, h, d);
  kernels_.linear(pool_, w.gate_up_proj, h, rows, d, gate, 2 * F);
  kernels_.silu_mul(pool_, rows, F, gate, 2 * F, gate + F, 2 * F, gate, 2 * F);
  kernels_.linear(pool_, w.down_proj, gate, rows, 2 * F, h, d);
  kernels_.add(rows, d, h, d, x, d);
}

LogitsHead::LogitsHead(const Model& model, kernels::ThreadPool& pool, std::size_t max_rows)
    : model_(model),
      pool_(pool),
      max_rows_(max_rows),
      gathered_(max_rows * model.config().hidden_size),
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

void LogitsHead::compute(std::span<const Buffer* const> hidden, float* out) {
  assert(hidden.size() <= max_rows_);
  const std::size_t d = model_.config().hidden_size;
  for (std::size_t i = 0; i < hidden.size(); ++i)
    std::memcpy(&gathered_[i * d], hidden[i]->floats(), d * sizeof(float));
  compute(gathered_.data(), hidden.size(), out);
}

}  // namespace stateline::engine
