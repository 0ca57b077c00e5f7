#include "models/gated_delta.h"

#include <cmath>

#include "kernels/causal_conv.h"
#include "models/prepare.h"

namespace stateline::models {
namespace {

constexpr float kUnitEps = 1e-6f;  // of the sum of squares

}  // namespace

GatedDelta::GatedDelta(Plan& plan, const Shape& shape) : shape_(shape) {
  head_ = plan.all(static_cast<std::uint32_t>(shape.heads));
  unit_ =
      plan.constants(std::vector<float>(shape.keys(), 1 / std::sqrt(static_cast<float>(shape.K))));
  u_ = plan.scratch(shape.channels() + shape.values() + 2 * shape.heads);
  qkv_ = plan.scratch(shape.channels());
  y_ = plan.scratch(shape.values());
  for (Scratch* per_head : {&beta_, &dt_, &a_})
    *per_head = plan.scratch(shape.heads, Precision::kFull);
}

GatedDelta::Layer GatedDelta::layer(Plan& plan, const std::string& prefix, Parts in_proj) const {
  const std::size_t H = shape_.heads, C = shape_.channels();
  Layer w;
  w.in_proj = plan.stacked(std::move(in_proj), shape_.hidden_size);
  w.conv_weight = plan.vector(prefix + "conv1d.weight", {C, 1, kernels::kConvWidth}, tap_major);
  w.dt_bias = plan.vector(prefix + "dt_bias", {H});
  w.A_log = plan.vector(prefix + "A_log", {H});
  w.norm = plan.vector(prefix + "norm.weight", {shape_.V}, repeated(H));
  w.out_proj = plan.matrix(prefix + "out_proj.weight", shape_.hidden_size, shape_.values());
  return w;
}

void GatedDelta::mix(const Pass& pass, std::size_t index, const Layer& w, Rows x) const {
  const std::size_t H = shape_.heads, K = shape_.K, G = shape_.key_heads, C = shape_.channels(),
                    rows = pass.rows(), first = pass.first_wanted(index);
  const Rows u = pass[u_], q = pass[qkv_], k = q.from(0, shape_.keys()),
             v = k.from(0, shape_.keys()), z = u.from(0, C), b = z.from(0, shape_.values()),
             a = b.from(0, H), y = pass[y_];
  const float eps = kUnitEps / static_cast<float>(K);
  Ops& ops = pass.ops();
  ops.linear({.W = w.in_proj, .rows = rows, .x = x, .y = u});
  pass.convolve(index, w.conv_weight, std::nullopt, u, q);
  ops.norm({rows, G, K, q, unit_, eps, q});
  ops.norm({rows, G, K, k, unit_, eps, k});
  ops.gate({Activation::kSigmoid, rows, H, b, {}, pass[beta_]});
  ops.discretise({.rows = rows,
                  .heads = H,
                  .u = a,
                  .bias = w.dt_bias,
                  .A_log = w.A_log,
                  .dt = pass[dt_],
                  .a = pass[a_]});
  pass.recur(index, {.heads = H,
                     .head = head_,
                     .key_heads = G,
                     .all = H,
                     .K = K,
                     .V = shape_.V,
                     .delta = true,
                     .q = q,
                     .k = k,
                     .v = v,
                     .a = pass[a_],
                     .dt = pass[beta_],
                     .scale = 1 / std::sqrt(static_cast<float>(K)),
                     .y = y});
  ops.end_heads({.rows = rows - first,
                 .heads = H,
                 .V = shape_.V,
                 .weight = w.norm,
                 .norm_groups = H,
                 .eps = shape_.eps,
                 .f = Activation::kSilu,
                 .z = z.from(first),
                 .y = y.from(first)});
}

void GatedDelta::project(const Pass& pass, const Layer& w, std::size_t rows) const {
  pass.add_to_stream(w.out_proj, std::nullopt, rows, pass[y_]);
}

}  // namespace stateline::models
