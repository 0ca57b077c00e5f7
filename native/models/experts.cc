#include "models/experts.h"

namespace stateline::models {

Experts::Layer Experts::joined_layer(Plan& plan, const std::string& router,
                                     const std::string& gate_up, const std::string& down) const {
  const std::size_t d = shape_.hidden_size, F = shape_.F, E = shape_.experts;
  Layer layer{plan.matrix(router, E, d), {}};
  for (std::size_t e = 0; e < E; ++e) {
    layer.experts.push_back({plan.stacked({{gate_up, 2 * F, e * 2 * F, E * 2 * F}}, d),
                             plan.stacked({{down, d, e * d, E * d}}, F)});
  }
  return layer;
}

Experts::Layer Experts::layer(Plan& plan, const std::string& router,
                              const std::string& prefix) const {
  const std::size_t d = shape_.hidden_size, F = shape_.F;
  Layer layer{plan.matrix(router, shape_.experts, d), {}};
  for (std::size_t e = 0; e < shape_.experts; ++e) {
    const std::string expert = prefix + std::to_string(e) + ".";
    layer.experts.push_back(
        {plan.stacked({{expert + "gate_proj.weight", F}, {expert + "up_proj.weight", F}}, d),
         plan.matrix(expert + "down_proj.weight", d, F)});
  }
  return layer;
}

void Experts::run(const Pass& pass, const Layer& w, std::size_t rows, Rows x, float scale) const {
  pass.ops().linear({.W = w.router, .rows = rows, .x = x, .y = pass[logits_]});
  pass.ops().experts({.rows = rows,
                      .experts = w.experts,
                      .top_k = shape_.top_k,
                      .F = shape_.F,
                      .normalised = shape_.normalised,
                      .logits = pass[logits_],
                      .x = x,
                      .scale = scale,
                      .y = pass.stream()});
}

}  // namespace stateline::models
