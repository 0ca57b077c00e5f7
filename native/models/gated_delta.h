// The gated delta rule (arXiv 2412.06464): S = exp(g) S, then S += k (beta (v - S^T k))^T, and
// y = S^T q. The part of a block between its norm and its residual.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "models/network.h"

namespace stateline::models {

class GatedDelta {
 public:
  struct Shape {
    std::size_t hidden_size;       // d
    std::size_t key_heads, heads;  // runs of heads share keys and queries
    std::size_t K, V;              // widths of their vectors
    float eps;                     // of the output's norm

    std::size_t keys() const { return key_heads * K; }
    std::size_t values() const { return heads * V; }
    std::size_t channels() const { return 2 * keys() + values(); }
  };
  struct Layer {
    Matrix in_proj;      // rows q | k | v | z | b | a
    Vector conv_weight;  // [4, channels]
    Vector dt_bias, A_log;
    Vector norm;  // [heads, V]
    Matrix out_proj;
  };
  // Where the rows of in_proj are in the checkpoint.
  using Parts = std::vector<MatrixSpec::Part>;

  GatedDelta() = default;
  GatedDelta(Plan& plan, const Shape& shape);
  const Shape& shape() const { return shape_; }
  // Of the tensors prefix + "conv1d.weight" and so on.
  Layer layer(Plan& plan, const std::string& prefix, Parts in_proj) const;

  RecurrentMemory memory() const { return {shape_.heads, shape_.K, shape_.V, shape_.key_heads}; }
  std::size_t conv_channels() const { return shape_.channels(); }

  // x [rows, d] is normalised.
  void mix(const Pass& pass, std::size_t index, const Layer& w, Rows x) const;
  std::pair<Rows, std::size_t> mixed(const Pass& pass) const { return {pass[y_], shape_.values()}; }
  // The first rows of what was mixed: stream += out_proj y
  void project(const Pass& pass, const Layer& w, std::size_t rows) const;

 private:
  Shape shape_{};
  Indices head_;           // all
  Vector unit_;            // [key_heads, K] 1 / sqrt(K): makes a norm of mean one of sum
  Scratch u_, qkv_, y_;    // rows of in_proj; channels; heads V
  Scratch beta_, dt_, a_;  // heads
};

}  // namespace stateline::models
