#include "models/mamba2_mixer.h"

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/causal_conv.h"
#include "kernels/ssd.h"
#include "models/prepare.h"

namespace stateline::models {

Mamba2Mixer::Mamba2Mixer(Plan& plan, const Shape& shape) : shape_(shape) {
  head_ = plan.all(static_cast<std::uint32_t>(shape.heads));
  u_ = plan.scratch(shape.inner() + shape.channels() + shape.heads);
  xbc_ = plan.scratch(shape.channels());
  y_ = plan.scratch(shape.inner());
  for (Scratch* per_head : {&dt_, &a_}) *per_head = plan.scratch(shape.heads, Precision::kFull);
}

Mamba2Mixer::Layer Mamba2Mixer::layer(Plan& plan, const std::string& prefix) const {
  const std::size_t d = shape_.hidden_size, H = shape_.heads,
                    GN = shape_.groups * shape_.state_size, inner = shape_.inner(),
                    C = shape_.channels(), all = inner + C + H;
  const std::size_t rows[] = {inner, inner, GN, GN, H};
  std::vector<MatrixSpec::Part> parts;
  std::vector<float> scale;
  for (std::size_t i = 0, first = 0; i < std::size(rows); first += rows[i++]) {
    parts.push_back(
        {prefix + "in_proj.weight", rows[i], first, all, shape_.input_scale * shape_.scale[i]});
    scale.insert(scale.end(), rows[i], shape_.scale[i]);
  }
  const auto scale_rows = [scale](std::vector<float> bias) {
    for (std::size_t i = 0; i < bias.size(); ++i) bias[i] *= scale[i];
    return bias;
  };
  Layer w;
  w.in_proj = plan.stacked(std::move(parts), d);
  if (shape_.in_bias) w.bias = plan.vector(prefix + "in_proj.bias", {all}, scale_rows);
  w.conv_weight = plan.vector(prefix + "conv1d.weight", {C, 1, kernels::kConvWidth}, tap_major);
  if (shape_.conv_bias) w.conv_bias = plan.vector(prefix + "conv1d.bias", {C});
  w.dt_bias = plan.vector(prefix + "dt_bias", {H});
  w.A_log = plan.vector(prefix + "A_log", {H});
  w.D = plan.vector(prefix + "D", {H});
  if (shape_.norm) w.norm = plan.vector(prefix + "norm.weight", {inner});
  w.out_proj = plan.matrix(prefix + "out_proj.weight", d, inner);
  if (shape_.out_bias)
    w.out_bias = plan.vector(prefix + "out_proj.bias", {d}, scaled(shape_.output_scale));
  return w;
}

void Mamba2Mixer::mix(const Pass& pass, std::size_t index, const Layer& w, Rows input) const {
  const std::size_t H = shape_.heads, inner = shape_.inner(), C = shape_.channels(),
                    rows = pass.rows(), first = pass.first_wanted(index);
  const Rows u = pass[u_], x = pass[xbc_], B = x.from(0, inner),
             c = B.from(0, shape_.groups * shape_.state_size), y = pass[y_];
  Ops& ops = pass.ops();
  ops.linear({.W = w.in_proj, .rows = rows, .x = input, .y = u, .bias = w.bias});
  pass.convolve(index, w.conv_weight, w.conv_bias, u.from(0, inner), x);
  ops.discretise({.rows = rows,
                  .heads = H,
                  .u = u.from(0, inner + C),
                  .bias = w.dt_bias,
                  .A_log = w.A_log,
                  .dt = pass[dt_],
                  .a = pass[a_],
                  .least = shape_.least_dt,
                  .most = shape_.most_dt});
  pass.recur(index, {.heads = H,
                     .head = head_,
                     .key_heads = shape_.groups,
                     .all = H,
                     .K = shape_.state_size,
                     .V = shape_.head_dim,
                     .q = c,
                     .k = B,
                     .v = x,
                     .a = pass[a_],
                     .dt = pass[dt_],
                     .scale = 1,
                     .y = y});
  ops.end_heads({.rows = rows - first,
                 .heads = H,
                 .V = shape_.head_dim,
                 .D = w.D,
                 .v = x.from(first),
                 .weight = w.norm,
                 .norm_groups = shape_.groups,
                 .eps = shape_.eps,
                 .f = Activation::kSilu,
                 .z = u.from(first),
                 .gate_first = shape_.gate_first,
                 .y = y.from(first)});
}

void Mamba2Mixer::project(const Pass& pass, const Layer& w, std::size_t rows) const {
  pass.add_to_stream(w.out_proj, w.out_bias, rows, pass[y_], shape_.output_scale);
}

Mamba2Mixer::Shape mamba_shape(const Fields& read, std::size_t hidden_size, std::size_t inner,
                               float eps) {
  Mamba2Mixer::Shape shape{};
  shape.hidden_size = hidden_size;
  shape.heads = read.natural("mamba_n_heads", 1, kMostHeads);
  const bool given = read.has("mamba_d_head") && read.field("mamba_d_head") != "auto";
  shape.head_dim =
      given ? read.natural("mamba_d_head", 4, kernels::kMaxValueDim) : inner / shape.heads;
  if (shape.inner() != inner)
    read.fail("mamba_n_heads", "does not match the inner size " + std::to_string(inner));
  if (shape.head_dim > kernels::kMaxValueDim) read.fail("mamba_n_heads", "leaves heads too wide");
  shape.groups = natural_or(read, "mamba_n_groups", 1, 1, shape.heads);
  if (shape.heads % shape.groups != 0) read.fail("mamba_n_groups", "must divide mamba_n_heads");
  shape.state_size = natural_or(read, "mamba_d_state", 256, 4, kernels::kMaxKeyDim);
  natural_or(read, "mamba_d_conv", kernels::kConvWidth, kernels::kConvWidth, kernels::kConvWidth);
  std::tie(shape.least_dt, shape.most_dt) = time_step_limit(read, "time_step_limit");
  shape.eps = eps;
  shape.conv_bias = flag_or(read, "mamba_conv_bias", true);
  shape.in_bias = flag_or(read, "mamba_proj_bias", false);
  return shape;
}

}  // namespace stateline::models
