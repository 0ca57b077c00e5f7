#include "models/attention.h"

#include <utility>
#include <vector>

#include "models/prepare.h"

namespace stateline::models {

Attention::Attention(Plan& plan, const Shape& shape) : shape_(shape) {
  head_ = plan.all(static_cast<std::uint32_t>(shape.heads));
  query_scale_ = plan.constants(std::vector<float>(shape.heads, shape.scale));
  u_ = plan.scratch((shape.gated ? 2 : 1) * width() + 2 * kv_width());
  y_ = plan.scratch(width());
}

Attention::Layer Attention::layer(Plan& plan, const std::string& prefix) const {
  const std::size_t D = shape_.head_dim, d = shape_.hidden_size;
  const std::string q = prefix + "q_proj.weight";
  std::vector<MatrixSpec::Part> parts, gates;
  if (shape_.gated) {
    const std::size_t of = 2 * width();
    for (std::size_t h = 0; h < shape_.heads; ++h) {
      parts.push_back(
          {.name = q, .rows = D, .first = 2 * h * D, .of = of, .scale = shape_.input_scale});
      gates.push_back(
          {.name = q, .rows = D, .first = (2 * h + 1) * D, .of = of, .scale = shape_.input_scale});
    }
  } else {
    parts.push_back({.name = q, .rows = width(), .scale = shape_.input_scale});
  }
  parts.push_back({.name = prefix + "k_proj.weight",
                   .rows = kv_width(),
                   .scale = shape_.input_scale * shape_.key_scale});
  parts.push_back(
      {.name = prefix + "v_proj.weight", .rows = kv_width(), .scale = shape_.input_scale});
  parts.insert(parts.end(), gates.begin(), gates.end());
  Layer layer;
  layer.in_proj = plan.stacked(std::move(parts), d);
  if (shape_.bias) {
    layer.bias = plan.joined({{prefix + "q_proj.bias", {width()}, nullptr},
                              {prefix + "k_proj.bias", {kv_width()}, scaled(shape_.key_scale)},
                              {prefix + "v_proj.bias", {kv_width()}, nullptr}});
  }
  if (shape_.normed) {
    layer.q_norm = plan.vector(prefix + "q_norm.weight", {D}, plus_one_repeated(shape_.heads));
    layer.k_norm = plan.vector(prefix + "k_norm.weight", {D}, plus_one_repeated(shape_.kv_heads));
  }
  layer.out_proj = plan.matrix(prefix + "o_proj.weight", d, width());
  if (shape_.out_bias)
    layer.out_bias = plan.vector(prefix + "o_proj.bias", {d}, scaled(shape_.output_scale));
  return layer;
}

void Attention::mix(const Pass& pass, std::size_t index, const Layer& w, Rows input) const {
  const std::size_t D = shape_.head_dim, rows = pass.rows(), first = pass.first_wanted(index);
  const Rows q = pass[u_], k = q.from(0, width()), v = k.from(0, kv_width()), y = pass[y_];
  Ops& ops = pass.ops();
  ops.linear({.W = w.in_proj, .rows = rows, .x = input, .y = q, .bias = w.bias});
  if (w.q_norm) ops.norm({rows, shape_.heads, D, q, *w.q_norm, shape_.eps, q});
  if (w.k_norm) ops.norm({rows, shape_.kv_heads, D, k, *w.k_norm, shape_.eps, k});
  if (shape_.rotary > 0) {
    for (const auto& [heads, x] : {std::pair{shape_.heads, q}, std::pair{shape_.kv_heads, k}})
      pass.rotate({heads, D, shape_.rotary, shape_.theta, x});
  }
  pass.attend(index, {.heads = shape_.heads,
                      .head = head_,
                      .slots = shape_.kv_heads,
                      .K = D,
                      .V = D,
                      .q = q,
                      .k = k,
                      .v = v,
                      .query_scale = query_scale_,
                      .y = y});
  if (shape_.gated) {
    const Rows wanted = y.from(first);
    ops.gate(
        {Activation::kSigmoid, rows - first, width(), v.from(first, kv_width()), wanted, wanted});
  }
}

void Attention::project(const Pass& pass, const Layer& w, std::size_t rows) const {
  pass.add_to_stream(w.out_proj, w.out_bias, rows, pass[y_], shape_.output_scale);
}

}  // namespace stateline::models
