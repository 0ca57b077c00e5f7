#include "longrange/stream.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "formats/error.h"

namespace stateline::longrange {

using kernels::kPageTokens;

Stream::Stream(const Model& model, kernels::ThreadPool& pool)
    : model_(model), pool_(pool), sum_(model.config().hidden_size, 0.0) {
  const Config& config = model.config();
  const std::size_t d = config.hidden_size, q = config.attention_channels();
  for (const Layer& layer : model.layers()) {
    if (!layer.ssm) continue;
    const kernels::TimeInvariant& system = layer.ssm->operators();
    states_.emplace_back(system.channels * system.states, 0.0f);
  }
  for (std::vector<float>* rows : {&x_, &h_, &projected_, &mixed_}) rows->resize(kSegment * d);
  gated_.resize(kSegment * 2 * d);
  if (q == 0) return;
  head_numbers_.resize(config.heads);
  std::iota(head_numbers_.begin(), head_numbers_.end(), 0u);
  query_scale_.assign(config.heads, 1 / std::sqrt(static_cast<float>(config.head_width())));
  qkv_.resize(kSegment * 3 * q);
  cosines_.resize(kSegment * config.head_width() / 2);
  sines_.resize(cosines_.size());
}

void Stream::read(std::span<const std::uint8_t> tokens, const engine::Cancellation* cancellation) {
  while (!tokens.empty()) {
    if (cancellation != nullptr && cancellation->cancelled())
      throw Error(ErrorCode::kCancelled, "The request was cancelled.");
    const std::size_t count = std::min(kSegment, tokens.size());
    segment(tokens.first(count));
    tokens = tokens.subspan(count);
  }
}

void Stream::segment(std::span<const std::uint8_t> tokens) {
  const std::size_t d = model_.config().hidden_size, count = tokens.size();
  for (std::size_t t = 0; t < count; ++t)
    std::memcpy(&x_[t * d], &model_.embedding()[tokens[t] * d], d * sizeof(float));
  if (model_.config().attention_channels() > 0) {
    reserve_pages(count);
    kernels::rotary_angles(count, token_count_, model_.config().head_width(), cosines_.data(),
                           sines_.data());
  }
  for (std::size_t i = 0; i < model_.layers().size(); ++i) layer(i, count);
  model_.kernels().rms_norm(count, 1, d, x_.data(), d, model_.final_norm().data(),
                            model_.config().rms_norm_eps, h_.data(), d);
  for (std::size_t t = 0; t < count; ++t)
    for (std::size_t i = 0; i < d; ++i) sum_[i] += static_cast<double>(h_[t * d + i]);
  token_count_ += count;
}

// x += GLU(gelu([ssm(s) | attention(t)])) with [s | t] = in_proj rms_norm(x).
void Stream::layer(std::size_t index, std::size_t tokens) {
  const kernels::Kernels& k = model_.kernels();
  const Config& config = model_.config();
  const Layer& w = model_.layers()[index];
  const std::size_t d = config.hidden_size;
  k.rms_norm(tokens, 1, d, x_.data(), d, w.norm.data(), config.rms_norm_eps, h_.data(), d);
  k.linear(pool_, w.in_proj, h_.data(), tokens, d, projected_.data(), d);
  if (w.ssm) {
    k.ti_scan(pool_, w.ssm->operators(), tokens, projected_.data(), d, states_[index].data(),
              mixed_.data(), d);
  }
  if (config.attention_channels() > 0) attend(index, tokens);
  k.gelu(pool_, tokens, d, mixed_.data(), d, mixed_.data(), d);
  k.linear(pool_, w.glu, mixed_.data(), tokens, d, gated_.data(), 2 * d);
  k.sigmoid_mul(pool_, tokens, d, gated_.data() + d, 2 * d, gated_.data(), 2 * d, h_.data(), d);
  k.add(tokens, d, h_.data(), d, x_.data(), d);
}

// Softmax attention over all tokens so far: the engine's paged kernel, without decays or window.
void Stream::attend(std::size_t index, std::size_t tokens) {
  const kernels::Kernels& k = model_.kernels();
  const Config& config = model_.config();
  const std::size_t d = config.hidden_size, p = config.ssm_channels, q = d - p, ld = 3 * q;
  const std::size_t heads = config.heads, width = config.head_width();
  const std::size_t slot = kernels::slot_bytes(width, width), offset = index * heads * slot;
  k.linear(pool_, model_.layers()[index].qkv, projected_.data() + p, tokens, d, qkv_.data(), ld);
  for (float* rows : {qkv_.data(), qkv_.data() + q})
    k.rotate(tokens, heads, width, width, cosines_.data(), sines_.data(), rows, ld);
  for (std::size_t t = 0; t < tokens; ++t) {
    const std::uint64_t position = token_count_ + t;
    std::byte* page = pages_[position / kPageTokens].data() + offset;
    for (std::size_t h = 0; h < heads; ++h) {
      const float* key = &qkv_[t * ld + q + h * width];
      kernels::write_slot(page + h * slot, position % kPageTokens, width, width, key, key + q, 0,
                          0);
    }
  }
  k.attention(pool_, {.tokens = tokens,
                      .heads = heads,
                      .head = head_numbers_.data(),
                      .K = width,
                      .V = width,
                      .q = qkv_.data(),
                      .ldq = ld,
                      .query_scale = query_scale_.data(),
                      .pages = page_starts_.data(),
                      .page_count = page_starts_.size(),
                      .offset = offset,
                      .first_position = 0,
                      .first_query = token_count_,
                      .window = 0,
                      .y = mixed_.data() + p,
                      .ldy = d});
}

void Stream::reserve_pages(std::size_t tokens) {
  const Config& config = model_.config();
  const std::size_t slot = kernels::slot_bytes(config.head_width(), config.head_width());
  while (pages_.size() * kPageTokens < token_count_ + tokens) {
    pages_.emplace_back(config.layers * config.heads * slot, storage_);
    page_starts_.push_back(pages_.back().data());
  }
}

std::vector<float> Stream::logits() const {
  const std::size_t d = sum_.size();
  if (token_count_ == 0)
    throw Error(ErrorCode::kInvalidArgument, "The sequence is empty; give at least one byte.");
  std::vector<float> out(model_.head_bias());
  for (std::size_t c = 0; c < out.size(); ++c) {
    double dot = 0;
    for (std::size_t i = 0; i < d; ++i)
      dot += static_cast<double>(model_.head()[c * d + i]) * sum_[i];
    out[c] += static_cast<float>(dot / static_cast<double>(token_count_));
    if (!std::isfinite(out[c])) {
      throw Error(
          ErrorCode::kInvalidModel,
          "The network left the finite numbers on this sequence; export the model anew from "
          "a stable one.");
    }
  }
  return out;
}

std::size_t Stream::memory_bytes() const {
  std::size_t bytes = sum_.size() * sizeof(double);
  for (const std::vector<float>& state : states_) bytes += state.size() * sizeof(float);
  for (const engine::Buffer& page : pages_) bytes += page.size();
  return bytes;
}

Classification classify(const Model& model, unsigned threads, std::span<const std::uint8_t> tokens,
                        const engine::Cancellation* cancellation) {
  kernels::ThreadPool pool(threads);
  Stream stream(model, pool);
  stream.read(tokens, cancellation);
  return {stream.logits(), stream.memory_bytes()};
}

}  // namespace stateline::longrange
