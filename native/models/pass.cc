#include "models/pass.h"

#include <algorithm>
#include <cassert>

#include "kernels/attention.h"
#include "kernels/causal_conv.h"

namespace stateline::models {

using kernels::kConvHistory;
using kernels::kPageTokens;

namespace {

StateHeads from(StateHeads heads, std::size_t row) {
  for (Rows* rows : {&heads.q, &heads.k, &heads.v, &heads.a, &heads.dt, &heads.y})
    *rows = rows->from(row);
  return heads;
}

AttendingHeads from(AttendingHeads heads, std::size_t row) {
  for (Rows* rows : {&heads.q, &heads.k, &heads.v, &heads.a, &heads.log_dt, &heads.y})
    if (rows->data != nullptr) *rows = rows->from(row);
  return heads;
}

}  // namespace

std::size_t Pass::keep_wanted(
    std::size_t layer, std::initializer_list<std::pair<Rows, std::size_t>> rows_of_width) const {
  if (layer + 1 < layout_.layers().size()) return rows();
  const std::span<const std::size_t> wanted = job_.wanted;
  const auto keep = [&](Rows rows, std::size_t width) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] != i)
        ops_.copy(rows.from(i).data, rows.from(wanted[i]).data, width * block_of(rows.type).bytes);
    }
  };
  keep(stream(), plan_.hidden_size);
  for (const auto& [rows, width] : rows_of_width) keep(rows, width);
  return wanted.size();
}

void Pass::add_to_stream(Matrix W, std::optional<Vector> bias, std::size_t rows, Rows x,
                         float scale) const {
  ops_.linear(
      {.W = W, .rows = rows, .x = x, .y = stream(), .bias = bias, .scale = scale, .add = true});
}

void Pass::convolve(std::size_t layer, Vector weight, std::optional<Vector> bias, Rows x,
                    Rows y) const {
  const std::size_t at = layout_.conv_at(layer);
  for (const Text& text : job_.texts) {
    for (const Checkpoint& checkpoint : text.checkpoints)
      keep_conv(text, checkpoint, layer, x.from(text.first));
    ops_.convolve({.tokens = text.tokens,
                   .channels = layout_.layers()[layer].conv_channels,
                   .x = x.from(text.first),
                   .weight = weight,
                   .bias = bias,
                   .before = text.memory.conv_before + at,
                   .after = text.memory.conv_after + at,
                   .y = y.from(text.first)});
  }
}

// A checkpoint's history is what the convolution read last, of the text or from before it.
void Pass::keep_conv(const Text& text, const Checkpoint& checkpoint, std::size_t layer,
                     Rows x) const {
  assert(x.type == DType::kF32);
  const std::size_t C = layout_.layers()[layer].conv_channels, at = layout_.conv_at(layer);
  for (std::size_t i = 0; i < kConvHistory; ++i) {
    const std::size_t token = checkpoint.tokens + i;
    const float* row = token < kConvHistory ? text.memory.conv_before + at + token * C
                                            : x.from(token - kConvHistory).floats();
    ops_.copy(checkpoint.conv + at + i * C, row, C * sizeof(float));
  }
}

void Pass::rotate(RotateOp op) const {
  const Rows x = op.x;
  for (const Text& text : job_.texts) {
    op.tokens = text.tokens;
    op.position = text.memory.position;
    op.x = x.from(text.first);
    ops_.rotate(op);
  }
}

void Pass::recur(std::size_t layer, const StateHeads& heads) const {
  if (heads.heads == 0) return;
  for (const Text& text : job_.texts) {
    if (layout_.logged()) {
      recur_logged(layer, text, heads);
    } else {
      recur_through(layer, text, heads);
    }
  }
}

// Every token is written into the matrices.
void Pass::recur_through(std::size_t layer, const Text& text, const StateHeads& heads) const {
  const std::size_t at = layout_.recurrent_at(layer);
  const std::size_t bytes = layout_.layers()[layer].recurrent.floats() * sizeof(float);
  assert(text.memory.recurrent == text.memory.next_recurrent);
  float* state = text.memory.next_recurrent + at;
  std::size_t done = 0;
  const auto read_to = [&](std::size_t end) {
    if (end > done) ops_.recur({from(heads, text.first + done), end - done, state});
    done = end;
  };
  for (const Checkpoint& checkpoint : text.checkpoints) {
    read_to(checkpoint.tokens);
    ops_.copy(checkpoint.recurrent + at, state, bytes);
  }
  read_to(text.tokens);
}

// Tokens are logged beside a base, which a full page replaces by the next one.
void Pass::recur_logged(std::size_t layer, const Text& text, const StateHeads& heads) const {
  const RecurrentMemory& shape = layout_.layers()[layer].recurrent;
  const std::size_t at = layout_.recurrent_at(layer), log_at = layout_.log_at(layer);
  const std::size_t bytes = shape.floats() * sizeof(float);
  const TextMemory& memory = text.memory;
  const float* base = memory.recurrent + at;
  float* const next = memory.next_recurrent + at;
  std::size_t done = 0, logged = memory.logged, page = 0;
  auto checkpoint = text.checkpoints.begin();
  // Checkpoints of the page that begins here have the base of its beginning.
  const auto keep_base = [&](std::size_t page_end) {
    for (; checkpoint != text.checkpoints.end() && checkpoint->tokens < page_end; ++checkpoint)
      if (checkpoint->recurrent != nullptr) ops_.copy(checkpoint->recurrent + at, base, bytes);
  };
  while (done < text.tokens) {
    const StateHeads rest = from(heads, text.first + done);
    std::byte* const log = memory.logs[page];
    if (log == nullptr) {
      std::size_t pages = 0;
      keep_base(done + 1);
      const std::size_t stop =
          checkpoint == text.checkpoints.end() ? text.tokens : checkpoint->tokens;
      while (done + (pages + 1) * kPageTokens <= stop && !memory.logs[page + pages]) ++pages;
      assert(logged == 0 && pages > 0);
      if (base != next) ops_.copy(next, base, bytes);
      base = next;
      ops_.recur({rest, pages * kPageTokens, next});
      done += pages * kPageTokens;
      page += pages;
      continue;
    }
    const std::size_t count = std::min(kPageTokens - logged, text.tokens - done);
    keep_base(done + kPageTokens - logged);
    ops_.recur_log({rest, count, base, log + log_at, logged});
    done += count;
    logged += count;
    if (logged < kPageTokens) break;
    ops_.fold({shape.heads, shape.key_heads, shape.K, shape.V, base, log + log_at, logged, next});
    base = next;
    logged = 0;
    ++page;
  }
  keep_base(text.tokens + 1);
}

void Pass::attend(std::size_t layer, const AttendingHeads& heads) const {
  if (heads.heads == 0) return;
  for (const Text& text : job_.texts) {
    const TextMemory& memory = text.memory;
    const Cache cache{memory.pages, memory.page_count, layout_.slots_at(layer),
                      memory.first_position};
    ops_.append({from(heads, text.first), text.tokens, cache, memory.position});
    const std::size_t first = std::max(text.first, first_wanted(layer));
    ops_.attend({.heads = from(heads, first),
                 .tokens = text.first + text.tokens - first,
                 .cache = cache,
                 .first_query = memory.position + (first - text.first),
                 .window = job_.window});
  }
}

}  // namespace stateline::models
