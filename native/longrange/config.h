// The shape of a classifier of byte sequences, read from config.json and bounded.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace stateline::longrange {

enum class Family { kLowRank, kDiagonal };

struct Config {
  std::size_t hidden_size = 0;  // d
  std::size_t layers = 0;
  std::size_t ssm_channels = 0;  // p, the first of the d channels; the other q attend
  std::size_t state_size = 0;    // N
  std::size_t rank = 0;          // R of the low-rank family
  Family family = Family::kDiagonal;
  std::size_t heads = 0;       // of the attention
  bool bidirectional = false;  // each token sees those after it too
  float rms_norm_eps = 0;
  std::string task;
  std::vector<std::string> class_names;
  std::size_t max_length = 0;  // tokens it was trained at

  std::size_t attention_channels() const { return hidden_size - ssm_channels; }  // q
  std::size_t head_width() const { return heads ? attention_channels() / heads : 0; }
  std::size_t classes() const { return class_names.size(); }
};

// Throws Error(kInvalidModel) with one sentence if a field is missing, out of bounds or at odds
// with another.
Config parse_config(std::span<const std::byte> text, const std::string& file);

}  // namespace stateline::longrange
