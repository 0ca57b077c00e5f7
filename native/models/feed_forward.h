// The gated feed-forward layer: stream += scale * down (SiLU(gate x) * up x).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "models/network.h"

namespace stateline::models {

class FeedForward {
 public:
  struct Layer {
    Matrix gate_up, down;  // [2 F, d], [d, F]
    std::optional<Vector> bias, down_bias;
  };

  FeedForward() = default;
  FeedForward(Plan& plan, std::size_t hidden_size, std::size_t F)
      : d_(hidden_size), F_(F), gate_up_(plan.scratch(2 * F)) {}

  // Of tensors [F, d], [F, d], [d, F]; `gate_scale` multiplies what the gate gives.
  Layer layer(Plan& plan, const std::string& gate, const std::string& up, const std::string& down,
              float gate_scale = 1) const {
    return {plan.stacked({{.name = gate, .rows = F_, .scale = gate_scale}, {up, F_}}, d_),
            plan.matrix(down, d_, F_), std::nullopt, std::nullopt};
  }

  // Of tensors [2 F, d] and [d, F].
  Layer joined_layer(Plan& plan, const std::string& gate_up, const std::string& down) const {
    return {plan.matrix(gate_up, 2 * F_, d_), plan.matrix(down, d_, F_), std::nullopt,
            std::nullopt};
  }

  // `share` [rows, 1], if it has data: each row counts as much as the sigmoid of its number.
  void run(const Pass& pass, const Layer& w, std::size_t rows, Rows x, float scale = 1,
           Rows share = {}) const;

 private:
  std::size_t d_ = 0, F_ = 0;
  Scratch gate_up_;  // 2 F
};

}  // namespace stateline::models
