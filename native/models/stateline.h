// The embedded family: mixer heads that run as state or as attention, as each state chooses. The
// mathematics stands in docs/architecture.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stateline::models {

struct StatelineConfig {
  std::size_t vocab_size = 0;
  std::size_t hidden_size = 0;  // d
  std::size_t layers = 0;
  std::size_t heads = 0;              // H
  std::size_t key_dim = 0;            // K
  std::size_t value_dim = 0;          // V
  std::size_t intermediate_size = 0;  // F
  float rms_norm_eps = 0;
  std::size_t attention_window = 0;  // tokens; 0 = unbounded
  double hybrid_ratio = 0;           // share of heads in state mode
  // [layers][H]: the order in which heads turn from state to attention.
  std::vector<std::vector<std::uint32_t>> head_switch_order;

  std::size_t conv_channels() const { return heads * (2 * key_dim + value_dim); }      // C
  std::size_t inner_size() const { return heads * value_dim; }                         // H*V
  std::size_t in_proj_rows() const { return conv_channels() + inner_size() + heads; }  // q k v z dt
};

}  // namespace stateline::models
