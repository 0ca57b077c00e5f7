#include "longrange/stream.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "formats/error.h"

namespace stateline::longrange {

Stream::Stream(const Model& model, kernels::ThreadPool& pool)
    : model_(model),
      pool_(pool),
      block_(model, pool),
      pages_(model.config()),
      head_numbers_(model.config().heads),
      sum_(model.config().hidden_size, 0.0) {
  const Config& config = model.config();
  if (config.bidirectional)
    throw Error(ErrorCode::kInvalidArgument,
                "This classifier looks both ways and cannot stream; give it the whole sequence.");
  for (const Layer& layer : model.layers()) {
    if (!layer.ssm) continue;
    const kernels::TimeInvariant& system = layer.ssm->operators();
    states_.emplace_back(system.channels * system.states, 0.0f);
  }
  for (std::vector<float>* rows : {&x_, &projected_, &mixed_})
    rows->resize(kSegment * config.hidden_size);
  std::iota(head_numbers_.begin(), head_numbers_.end(), 0u);
  query_scale_.assign(config.heads, 1 / std::sqrt(static_cast<float>(config.head_width())));
  qkv_.resize(kSegment * 3 * config.attention_channels());
}

void Stream::read(std::span<const std::uint8_t> tokens, const engine::Cancellation* cancellation) {
  while (!tokens.empty()) {
    check(cancellation);
    const std::size_t count = std::min(kSegment, tokens.size());
    segment(tokens.first(count));
    tokens = tokens.subspan(count);
  }
}

void Stream::segment(std::span<const std::uint8_t> tokens) {
  block_.embed(tokens, x_.data());
  if (model_.config().attention_channels() > 0) pages_.reserve(token_count_ + tokens.size());
  for (std::size_t i = 0; i < model_.layers().size(); ++i) layer(i, tokens.size());
  block_.pool_rows(tokens.size(), x_.data(), sum_);
  token_count_ += tokens.size();
}

// x += GLU(gelu([ssm(s) | attention(t)])) with [s | t] = in_proj rms_norm(x).
void Stream::layer(std::size_t index, std::size_t tokens) {
  const Layer& w = model_.layers()[index];
  const std::size_t d = model_.config().hidden_size;
  block_.project(w, tokens, x_.data(), projected_.data());
  if (w.ssm) {
    model_.kernels().ti_scan(pool_, w.ssm->operators(), tokens, projected_.data(), d,
                             states_[index].data(), mixed_.data(), d);
  }
  if (model_.config().attention_channels() > 0) attend(index, tokens);
  block_.mix(w, tokens, mixed_.data(), x_.data());
}

// Softmax attention over all tokens so far: the engine's paged kernel, without decays or window.
void Stream::attend(std::size_t index, std::size_t tokens) {
  const Config& config = model_.config();
  const std::size_t ld = 3 * config.attention_channels(), width = config.head_width();
  block_.queries(model_.layers()[index], token_count_, tokens, projected_.data(), qkv_.data());
  pages_.write(index, token_count_, tokens, qkv_.data(), ld);
  model_.kernels().attention(pool_, {.tokens = tokens,
                                     .heads = config.heads,
                                     .head = head_numbers_.data(),
                                     .K = width,
                                     .V = width,
                                     .q = qkv_.data(),
                                     .ldq = ld,
                                     .query_scale = query_scale_.data(),
                                     .pages = pages_.starts(),
                                     .page_count = pages_.count(),
                                     .offset = pages_.offset(index),
                                     .first_position = 0,
                                     .first_query = token_count_,
                                     .window = 0,
                                     .y = mixed_.data() + config.ssm_channels,
                                     .ldy = config.hidden_size});
}

std::size_t Stream::memory_bytes() const {
  std::size_t bytes = sum_.size() * sizeof(double) + pages_.bytes();
  for (const std::vector<float>& state : states_) bytes += state.size() * sizeof(float);
  return bytes;
}

}  // namespace stateline::longrange
