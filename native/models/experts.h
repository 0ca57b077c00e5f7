// A feed-forward layer of experts, of which each token takes the best few.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "models/network.h"

namespace stateline::models {

inline constexpr std::size_t kMostExperts = 1024;

class Experts {
 public:
  struct Shape {
    std::size_t hidden_size, F, experts, top_k;
    bool normalised;  // weights: the softmax over those that are taken, or over all
  };
  struct Layer {
    Matrix router;  // [experts, d]
    std::vector<ExpertsOp::Expert> experts;
  };

  Experts(Plan& plan, const Shape& shape)
      : shape_(shape), logits_(plan.scratch(shape.experts, Precision::kFull)) {}

  // Of tensors [experts, d], [experts, 2 F, d] and [experts, d, F].
  Layer joined_layer(Plan& plan, const std::string& router, const std::string& gate_up,
                     const std::string& down) const;
  // Of tensors prefix + "<expert>.gate_proj.weight" and so on.
  Layer layer(Plan& plan, const std::string& router, const std::string& prefix) const;

  // stream += scale * the chosen experts' sum, of normalised rows x.
  void run(const Pass& pass, const Layer& w, std::size_t rows, Rows x, float scale) const;

 private:
  Shape shape_;
  Scratch logits_;
};

}  // namespace stateline::models
