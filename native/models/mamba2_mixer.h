// The Mamba-2 mixer (arXiv 2405.21060, section 7): S = exp(dt A) S + dt B x^T, y = S^T C + D x,
// gated by z. The part of a block between its norm and its residual.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>

#include "models/network.h"
#include "models/transformers_config.h"

namespace stateline::models {

class Mamba2Mixer {
 public:
  struct Shape {
    std::size_t hidden_size;  // d
    std::size_t heads;        // H
    std::size_t head_dim;     // P: a head's x
    std::size_t groups;       // G: of B and C, which runs of heads share
    std::size_t state_size;   // N: of B and C
    float least_dt = 0, most_dt = std::numeric_limits<float>::infinity();
    bool norm = true;        // RMSNorm in groups of H P / G
    bool gate_first = true;  // before the norm
    float eps = 0;
    bool conv_bias = true, in_bias = false, out_bias = false;
    // What a family multiplies z, x, B, C and dt by.
    float scale[5] = {1, 1, 1, 1, 1};
    float input_scale = 1, output_scale = 1;  // and x before, and what out_proj gives

    std::size_t inner() const { return heads * head_dim; }
    std::size_t channels() const { return inner() + 2 * groups * state_size; }
  };
  struct Layer {
    Matrix in_proj;  // rows z | x | B | C | dt
    std::optional<Vector> bias;
    Vector conv_weight;
    std::optional<Vector> conv_bias;
    Vector dt_bias, A_log, D;
    std::optional<Vector> norm;
    Matrix out_proj;
    std::optional<Vector> out_bias;
  };

  Mamba2Mixer() = default;
  Mamba2Mixer(Plan& plan, const Shape& shape);
  // Of the tensors prefix + "in_proj.weight" and so on.
  Layer layer(Plan& plan, const std::string& prefix) const;

  RecurrentMemory memory() const {
    return {shape_.heads, shape_.state_size, shape_.head_dim, shape_.groups};
  }
  std::size_t conv_channels() const { return shape_.channels(); }

  // x [rows, d] is normalised.
  void mix(const Pass& pass, std::size_t index, const Layer& w, Rows x) const;
  std::pair<Rows, std::size_t> mixed(const Pass& pass) const { return {pass[y_], shape_.inner()}; }
  // The first rows of what was mixed: stream += out_proj y
  void project(const Pass& pass, const Layer& w, std::size_t rows) const;

 private:
  Shape shape_{};
  Indices head_;         // all
  Scratch u_, xbc_, y_;  // rows of in_proj; channels; H P
  Scratch dt_, a_;       // H
};

// Of the fields "mamba_..." that hybrids of transformers have, for an inner size H P.
Mamba2Mixer::Shape mamba_shape(const Fields& read, std::size_t hidden_size, std::size_t inner,
                               float eps);

}  // namespace stateline::models
