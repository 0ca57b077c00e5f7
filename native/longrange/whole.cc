#include "longrange/whole.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "longrange/stream.h"

namespace stateline::longrange {

Whole::Whole(const Model& model, kernels::ThreadPool& pool)
    : model_(model), pool_(pool), block_(model, pool), pages_(model.config()) {
  const Config& config = model.config();
  const std::size_t p = config.ssm_channels, q = config.attention_channels();
  turned_.resize(kSegment * p);
  read_.resize(kSegment * p);
  if (q == 0) return;
  qkv_.resize(kSegment * 3 * q);
  by_head_.resize(kSegment * q);
  attended_.resize(kSegment * q);
  rows_.resize(config.heads * kSegment);
  std::iota(rows_.begin(), rows_.end(), 0u);
  query_scale_.assign(rows_.size(), 1 / std::sqrt(static_cast<float>(config.head_width())));
}

std::vector<float> Whole::read(std::span<const std::uint8_t> tokens,
                               const engine::Cancellation* cancellation) {
  const Config& config = model_.config();
  const std::size_t d = config.hidden_size;
  length_ = tokens.size();
  for (std::vector<float>* rows : {&x_, &projected_, &mixed_}) rows->resize(length_ * d);
  queries_.resize(length_ * config.attention_channels());
  if (config.attention_channels() > 0) pages_.reserve(length_);
  std::vector<Segment> segments;
  for (std::size_t first = 0; first < length_; first += kSegment)
    segments.push_back({first, std::min(kSegment, length_ - first)});

  block_.embed(tokens, x_.data());
  for (std::size_t i = 0; i < model_.layers().size(); ++i) {
    const Layer& layer = model_.layers()[i];
    for (const auto way : {&Whole::backwards, &Whole::forwards}) {
      if (layer.ssm) {
        const kernels::TimeInvariant& system = layer.ssm->operators();
        state_.assign(system.channels * system.states, 0.0f);
      }
      if (way == &Whole::backwards) std::reverse(segments.begin(), segments.end());
      for (const Segment segment : segments) {
        check(cancellation);
        (this->*way)(i, segment);
      }
      if (way == &Whole::backwards) std::reverse(segments.begin(), segments.end());
    }
  }
  std::vector<double> sum(d, 0.0);
  for (const Segment segment : segments)
    block_.pool_rows(segment.count, &x_[segment.first * d], sum);
  return block_.logits(sum, length_);
}

// Projects, reads from the end, and writes keys and values.
void Whole::backwards(std::size_t index, Segment segment) {
  const auto [first, count] = segment;
  const Layer& layer = model_.layers()[index];
  const Config& config = model_.config();
  const std::size_t d = config.hidden_size, p = config.ssm_channels;
  const std::size_t q = config.attention_channels();
  float* projected = &projected_[first * d];
  block_.project(layer, count, &x_[first * d], projected);
  if (layer.ssm_back) {
    for (std::size_t t = 0; t < count; ++t)
      std::memcpy(&turned_[(count - 1 - t) * p], projected + t * d, p * sizeof(float));
    model_.kernels().ti_scan(pool_, layer.ssm_back->operators(), count, turned_.data(), p,
                             state_.data(), read_.data(), p);
    for (std::size_t t = 0; t < count; ++t)
      std::memcpy(&mixed_[(first + t) * d], &read_[(count - 1 - t) * p], p * sizeof(float));
  }
  if (q == 0) return;
  block_.queries(layer, first, count, projected, qkv_.data());
  pages_.write(index, first, count, qkv_.data(), 3 * q);
  for (std::size_t t = 0; t < count; ++t)
    std::memcpy(&queries_[(first + t) * q], &qkv_[t * 3 * q], q * sizeof(float));
}

// Reads from the beginning and adds, attends, and mixes.
void Whole::forwards(std::size_t index, Segment segment) {
  const auto [first, count] = segment;
  const Layer& layer = model_.layers()[index];
  const Config& config = model_.config();
  const std::size_t d = config.hidden_size, p = config.ssm_channels;
  float* mixed = &mixed_[first * d];
  if (layer.ssm) {
    model_.kernels().ti_scan(pool_, layer.ssm->operators(), count, &projected_[first * d], d,
                             state_.data(), read_.data(), p);
    model_.kernels().add(count, p, read_.data(), p, mixed, d);
  }
  if (config.attention_channels() > 0) attend(index, segment);
  block_.mix(layer, count, mixed, &x_[first * d]);
}

// Every query sees all keys. For the paged kernel, which is causal, the rows of a head are heads
// of the last token that share its keys.
void Whole::attend(std::size_t index, Segment segment) {
  const auto [first, count] = segment;
  const Config& config = model_.config();
  const std::size_t heads = config.heads, width = config.head_width(), q = heads * width;
  for (std::size_t t = 0; t < count; ++t)
    for (std::size_t h = 0; h < heads; ++h)
      std::memcpy(&by_head_[(h * count + t) * width], &queries_[(first + t) * q + h * width],
                  width * sizeof(float));
  model_.kernels().attention(pool_, {.tokens = 1,
                                     .heads = heads * count,
                                     .head = rows_.data(),
                                     .K = width,
                                     .V = width,
                                     .q = by_head_.data(),
                                     .ldq = heads * count * width,
                                     .query_scale = query_scale_.data(),
                                     .pages = pages_.starts(),
                                     .page_count = pages_.count(),
                                     .offset = pages_.offset(index),
                                     .first_position = 0,
                                     .first_query = length_ - 1,
                                     .window = 0,
                                     .y = attended_.data(),
                                     .ldy = heads * count * width,
                                     .heads_per_key = count});
  float* y = &mixed_[first * config.hidden_size + config.ssm_channels];
  for (std::size_t t = 0; t < count; ++t)
    for (std::size_t h = 0; h < heads; ++h)
      std::memcpy(y + t * config.hidden_size + h * width, &attended_[(h * count + t) * width],
                  width * sizeof(float));
}

std::size_t Whole::memory_bytes() const {
  const std::size_t numbers =
      x_.size() + projected_.size() + mixed_.size() + queries_.size() + state_.size();
  return numbers * sizeof(float) + pages_.bytes();
}

Classification classify(const Model& model, unsigned threads, std::span<const std::uint8_t> tokens,
                        const engine::Cancellation* cancellation) {
  kernels::ThreadPool pool(threads);
  if (model.config().bidirectional) {
    Whole whole(model, pool);
    std::vector<float> logits = whole.read(tokens, cancellation);
    return {std::move(logits), whole.memory_bytes()};
  }
  Stream stream(model, pool);
  stream.read(tokens, cancellation);
  return {stream.logits(), stream.memory_bytes()};
}

}  // namespace stateline::longrange
