#include "longrange/block.h"

#include <cmath>
#include <cstring>

#include "formats/error.h"

namespace stateline::longrange {

Block::Block(const Model& model, kernels::ThreadPool& pool) : model_(model), pool_(pool) {
  const std::size_t d = model.config().hidden_size;
  h_.resize(kSegment * d);
  gated_.resize(kSegment * 2 * d);
  cosines_.resize(kSegment * model.config().head_width() / 2);
  sines_.resize(cosines_.size());
}

void Block::embed(std::span<const std::uint8_t> bytes, float* x) const {
  const std::size_t d = model_.config().hidden_size;
  for (std::size_t t = 0; t < bytes.size(); ++t)
    std::memcpy(x + t * d, &model_.embedding()[bytes[t] * d], d * sizeof(float));
}

void Block::project(const Layer& layer, std::size_t tokens, const float* x, float* projected) {
  const kernels::Kernels& k = model_.kernels();
  const std::size_t d = model_.config().hidden_size;
  k.rms_norm(tokens, 1, d, x, d, layer.norm.data(), model_.config().rms_norm_eps, h_.data(), d);
  k.linear(pool_, layer.in_proj, h_.data(), tokens, d, projected, d);
}

void Block::queries(const Layer& layer, std::uint64_t position, std::size_t tokens,
                    const float* projected, float* qkv) {
  const kernels::Kernels& k = model_.kernels();
  const Config& config = model_.config();
  const std::size_t q = config.attention_channels(), width = config.head_width();
  kernels::rotary_angles(tokens, position, width, cosines_.data(), sines_.data());
  k.linear(pool_, layer.qkv, projected + config.ssm_channels, tokens, config.hidden_size, qkv,
           3 * q);
  for (float* rows : {qkv, qkv + q})
    k.rotate(tokens, config.heads, width, width, cosines_.data(), sines_.data(), rows, 3 * q);
}

void Block::mix(const Layer& layer, std::size_t tokens, float* mixed, float* x) {
  const kernels::Kernels& k = model_.kernels();
  const std::size_t d = model_.config().hidden_size;
  k.gelu(pool_, tokens, d, mixed, d, mixed, d);
  k.linear(pool_, layer.glu, mixed, tokens, d, gated_.data(), 2 * d);
  k.sigmoid_mul(pool_, tokens, d, gated_.data() + d, 2 * d, gated_.data(), 2 * d, h_.data(), d);
  k.add(tokens, d, h_.data(), d, x, d);
}

void Block::pool_rows(std::size_t tokens, const float* x, std::vector<double>& sum) {
  const std::size_t d = sum.size();
  model_.kernels().rms_norm(tokens, 1, d, x, d, model_.final_norm().data(),
                            model_.config().rms_norm_eps, h_.data(), d);
  for (std::size_t t = 0; t < tokens; ++t)
    for (std::size_t i = 0; i < d; ++i) sum[i] += static_cast<double>(h_[t * d + i]);
}

std::vector<float> Block::logits(const std::vector<double>& sum, std::uint64_t tokens) const {
  const std::size_t d = sum.size();
  if (tokens == 0)
    throw Error(ErrorCode::kInvalidArgument, "The sequence is empty; give at least one byte.");
  std::vector<float> out(model_.head_bias());
  for (std::size_t c = 0; c < out.size(); ++c) {
    double dot = 0;
    for (std::size_t i = 0; i < d; ++i)
      dot += static_cast<double>(model_.head()[c * d + i]) * sum[i];
    out[c] += static_cast<float>(dot / static_cast<double>(tokens));
    if (!std::isfinite(out[c])) {
      throw Error(
          ErrorCode::kInvalidModel,
          "The network left the finite numbers on this sequence; export the model anew from "
          "a stable one.");
    }
  }
  return out;
}

void check(const engine::Cancellation* cancellation) {
  if (cancellation != nullptr && cancellation->cancelled())
    throw Error(ErrorCode::kCancelled, "The request was cancelled.");
}

}  // namespace stateline::longrange
