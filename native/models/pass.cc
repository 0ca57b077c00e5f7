#include "models/pass.h"

#include <algorithm>
#include <cassert>

#include "kernels/causal_conv.h"

namespace stateline::models {

using kernels::kConvHistory;

std::size_t Pass::keep_wanted(
    std::size_t layer, std::initializer_list<std::pair<Rows, std::size_t>> rows_of_width) const {
  if (layer + 1 < layout_.layers().size()) return rows();
  const std::span<const std::size_t> wanted = job_.wanted;
  for (const auto& [rows, width] : rows_of_width) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] != i)
        ops_.copy(rows.from(i).data, rows.from(wanted[i]).data, width * block_of(rows.type).bytes);
    }
  }
  return wanted.size();
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

void Pass::recur(std::size_t layer, const StateHeads& heads) const {
  if (heads.heads == 0) return;
  const std::size_t at = layout_.recurrent_at(layer);
  const std::size_t bytes = layout_.layers()[layer].recurrent.floats() * sizeof(float);
  for (const Text& text : job_.texts) {
    float* state = text.memory.recurrent + at;
    std::size_t done = 0;
    const auto read_to = [&](std::size_t end) {
      if (end == done) return;
      const std::size_t row = text.first + done;
      ops_.ssd({.tokens = end - done,
                .heads = heads.heads,
                .head = heads.head,
                .K = heads.K,
                .V = heads.V,
                .q = heads.q.from(row),
                .k = heads.k.from(row),
                .v = heads.v.from(row),
                .a = heads.a.from(row),
                .dt = heads.dt.from(row),
                .scale = heads.scale,
                .state = state,
                .y = heads.y.from(row)});
      done = end;
    };
    for (const Checkpoint& checkpoint : text.checkpoints) {
      read_to(checkpoint.tokens);
      ops_.copy(checkpoint.recurrent + at, state, bytes);
    }
    read_to(text.tokens);
  }
}

void Pass::attend(std::size_t layer, const AttendingHeads& heads) const {
  if (heads.heads == 0) return;
  for (const Text& text : job_.texts) {
    const TextMemory& memory = text.memory;
    const Cache cache{memory.pages, memory.page_count, layout_.slots_at(layer),
                      memory.first_position};
    ops_.append({.tokens = text.tokens,
                 .heads = heads.heads,
                 .head = heads.head,
                 .K = heads.K,
                 .V = heads.V,
                 .k = heads.k.from(text.first),
                 .v = heads.v.from(text.first),
                 .a = heads.a.from(text.first),
                 .log_dt = heads.log_dt.from(text.first),
                 .cache = cache,
                 .position = memory.position});
    const std::size_t first = std::max(text.first, first_wanted(layer));
    ops_.attend({.tokens = text.first + text.tokens - first,
                 .heads = heads.heads,
                 .head = heads.head,
                 .K = heads.K,
                 .V = heads.V,
                 .q = heads.q.from(first),
                 .query_scale = heads.query_scale,
                 .key_bound = heads.key_bound,
                 .cache = cache,
                 .first_query = memory.position + (first - text.first),
                 .window = job_.window,
                 .y = heads.y.from(first)});
  }
}

}  // namespace stateline::models
