#include "models/prepare.h"

#include <utility>

#include "kernels/causal_conv.h"

namespace stateline::models {

std::vector<float> tap_major(std::vector<float> weight) {
  const std::size_t channels = weight.size() / kernels::kConvWidth;
  std::vector<float> out(weight.size());
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t w = 0; w < kernels::kConvWidth; ++w)
      out[w * channels + c] = weight[c * kernels::kConvWidth + w];
  return out;
}

Prepare scaled(float factor) {
  return [factor](std::vector<float> values) {
    for (float& value : values) value *= factor;
    return values;
  };
}

std::vector<float> plus_one(std::vector<float> weight) {
  for (float& value : weight) value += 1;
  return weight;
}

Prepare repeated(std::size_t heads) {
  return [heads](const std::vector<float>& one) {
    std::vector<float> all;
    for (std::size_t h = 0; h < heads; ++h) all.insert(all.end(), one.begin(), one.end());
    return all;
  };
}

Prepare plus_one_repeated(std::size_t heads) {
  return [heads](std::vector<float> one) { return repeated(heads)(plus_one(std::move(one))); };
}

}  // namespace stateline::models
