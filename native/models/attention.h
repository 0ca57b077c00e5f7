// Softmax attention over everything before, with grouped heads and rotary positions, as the
// transformers' families spell it: the part of a block between its norm and its residual.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "models/network.h"

namespace stateline::models {

class Attention {
 public:
  struct Shape {
    std::size_t hidden_size;      // d
    std::size_t heads, kv_heads;  // runs of heads share keys and values
    std::size_t head_dim;         // D
    float scale;
    std::size_t rotary = 0;  // values of a head that turn, from the first on; 0: none
    double theta = 0;
    // That x, the keys and what leaves the block are multiplied by.
    float input_scale = 1, key_scale = 1, output_scale = 1;
    bool bias = false, out_bias = false;
    // Rows of q_proj are [q | gate] head by head, and the output is multiplied by sigmoid(gate).
    bool gated = false;
    // q_norm and k_norm [D] of each head, of which checkpoints hold the difference from 1.
    bool normed = false;
    float eps = 0;
  };
  struct Layer {
    Matrix in_proj;  // rows q | k | v | gate
    std::optional<Vector> bias, q_norm, k_norm;
    Matrix out_proj;
    std::optional<Vector> out_bias;
  };

  Attention() = default;
  // Its scratch and tables.
  Attention(Plan& plan, const Shape& shape);
  // Of the tensors prefix + "q_proj.weight" and so on.
  Layer layer(Plan& plan, const std::string& prefix) const;

  CacheMemory memory() const { return {shape_.kv_heads, shape_.head_dim, shape_.head_dim}; }

  // x [rows, d] is normalised.
  void mix(const Pass& pass, std::size_t index, const Layer& w, Rows x) const;
  std::pair<Rows, std::size_t> mixed(const Pass& pass) const { return {pass[y_], width()}; }
  // The first rows of what was mixed: stream += out_proj y
  void project(const Pass& pass, const Layer& w, std::size_t rows) const;

 private:
  std::size_t width() const { return shape_.heads * shape_.head_dim; }
  std::size_t kv_width() const { return shape_.kv_heads * shape_.head_dim; }

  Shape shape_{};
  Indices head_;        // all
  Vector query_scale_;  // [heads]
  Scratch u_, y_;       // rows of in_proj; heads D
};

}  // namespace stateline::models
