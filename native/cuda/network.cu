#include "cuda/network.h"

#include <algorithm>
#include <cmath>

#include "kernels/cuda/causal_conv.cuh"
#include "kernels/cuda/decode_step.cuh"
#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/embedding.cuh"
#include "kernels/cuda/linear.cuh"
#include "kernels/cuda/norm.cuh"
#include "kernels/cuda/ssd.cuh"

namespace stateline::cuda {
namespace {

template <class T>
void copy(Gpu& gpu, T* to, const T* from, std::size_t count) {
  gpu.copy(reinterpret_cast<std::byte*>(to), reinterpret_cast<const std::byte*>(from),
           count * sizeof(T));
}
template <class T>
void write(Gpu& gpu, T* to, const T* from, std::size_t count) {
  gpu.write(reinterpret_cast<std::byte*>(to), reinterpret_cast<const std::byte*>(from),
            count * sizeof(T));
}

}  // namespace

DeviceMatrix::DeviceMatrix(Gpu& gpu, const Matrix& matrix)
    : format_(matrix.format),
      n_(matrix.n),
      k_(matrix.k),
      values_(gpu, static_cast<const std::byte*>(matrix.values), matrix.value_bytes),
      scale_(gpu, matrix.scale, matrix.scale ? matrix.n : 0) {}

DeviceLayer::DeviceLayer(Gpu& gpu, const Weights& s, const Layer& w)
    : norm1(gpu, w.norm1, s.d),
      norm2(gpu, w.norm2, s.d),
      conv_weight(gpu, w.conv_weight, kernels::kConvWidth * s.H * (2 * s.K + s.V)),
      conv_bias(gpu, w.conv_bias, s.H * (2 * s.K + s.V)),
      q_norm(gpu, w.q_norm, s.H * s.K),
      k_norm(gpu, w.k_norm, s.H * s.K),
      dt_bias(gpu, w.dt_bias, s.H),
      D(gpu, w.D, s.H),
      query_scale(gpu, w.query_scale, s.H),
      A_log(gpu, w.A_log, (s.H + 1) * s.H),
      out_norm(gpu, w.out_norm, (s.H + 1) * s.H * s.V),
      head_order(gpu, w.head_order, s.H),
      in_proj(gpu, w.in_proj),
      out_proj(gpu, w.out_proj),
      gate_up_proj(gpu, w.gate_up_proj),
      down_proj(gpu, w.down_proj) {}

Network::Network(Gpu& gpu, const Weights& w, std::size_t most_tokens, std::size_t most_rows)
    : gpu_(gpu),
      vocab_(w.vocab),
      d_(w.d),
      layers_(w.layers),
      H_(w.H),
      K_(w.K),
      V_(w.V),
      F_(w.F),
      C_(w.H * (2 * w.K + w.V)),
      inner_(w.H * w.V),
      rows_(C_ + inner_ + w.H),
      eps_(w.eps),
      embedding_(gpu, w.embedding),
      final_norm_(gpu, w.final_norm, w.d),
      token_(gpu, most_tokens),
      x_(gpu, most_tokens * d_),
      h_(gpu, most_tokens * d_),
      u_(gpu, most_tokens * rows_),
      qkv_(gpu, most_tokens * C_),
      y_(gpu, most_tokens * inner_),
      gate_up_(gpu, most_tokens * 2 * F_),
      dt_(gpu, most_tokens * H_),
      a_(gpu, most_tokens * H_),
      log_dt_(gpu, most_tokens * H_),
      history_(gpu, layers_ * kernels::kConvHistory * C_),
      step_conv_(gpu, layers_ * kernels::kConvHistory * C_),
      step_ssm_(gpu, layers_ * H_ * K_ * V_),
      ssd_workspace_(gpu, kernels::cuda::ssd_workspace_floats(most_tokens, H_, K_, V_)),
      attention_workspace_(gpu, kernels::cuda::attention_workspace_floats(H_)),
      rows_head_{{gpu, most_rows * d_}, {gpu, most_rows * vocab_}},
      state_head_{{gpu, d_}, {gpu, vocab_}} {
  layer_.reserve(layers_);
  for (std::size_t i = 0; i < layers_; ++i) layer_.emplace_back(gpu, w, w.layer[i]);
  gpu.finish();
}

void Network::advance(const Chunk& chunk) {
  write(gpu_, token_.data(), chunk.token, chunk.tokens);
  upload_pages(chunk);
  // The kernels want the history before a chunk apart from the one after it.
  copy(gpu_, history_.data(), chunk.conv, history_.count());
  if (chunk.tokens == 1) {
    step(chunk);
  } else {
    launch(gpu_.stream(), chunk);
  }
  copy(gpu_, chunk.hidden, x_.data() + (chunk.tokens - 1) * d_, d_);
  gpu_.finish();
}

// One token. A graph replays the arguments that it was captured with, so the branch's memory comes
// to one place and goes back, and positions are counted from the first page.
void Network::step(const Chunk& chunk) {
  const std::size_t ssm_count = layers_ * chunk.state_heads * K_ * V_;
  const bool attends = chunk.state_heads < H_;  // else the position changes nothing
  Chunk here = chunk;
  here.ssm = step_ssm_.data();
  here.conv = step_conv_.data();
  here.position = attends ? chunk.position - chunk.first_position : 0;
  here.first_position = 0;
  here.window = attends ? chunk.window : 0;
  copy(gpu_, here.ssm, chunk.ssm, ssm_count);
  graphs_.run({here.state_heads, here.window, here.position, page_.data()}, gpu_.stream(),
              [&](cudaStream_t stream) { launch(stream, here); });
  copy(gpu_, chunk.ssm, here.ssm, ssm_count);
  copy(gpu_, chunk.conv, here.conv, step_conv_.count());
}

// From the tokens and the history to the residual stream of the last one, or of all.
void Network::launch(cudaStream_t stream, const Chunk& chunk) {
  kernels::cuda::embed(stream, {embedding_.view(), chunk.tokens, token_.data(), x_.data(), d_});
  for (std::size_t layer = 0; layer < layers_; ++layer) {
    const bool only_last = layer + 1 == layers_ && !chunk.all;
    run_layer(stream, layer, chunk, only_last ? chunk.tokens - 1 : 0);
  }
}

void Network::upload_pages(const Chunk& chunk) {
  if (chunk.pages == 0) return;
  if (page_.count() < chunk.pages) page_ = Array<std::byte*>(gpu_, 2 * chunk.pages);
  write(gpu_, page_.data(), chunk.page, chunk.pages);
}

// Every token passes the mixer's memory; rows before `first_wanted` then stop.
void Network::run_layer(cudaStream_t stream, std::size_t layer, const Chunk& chunk,
                        std::size_t first_wanted) {
  const DeviceLayer& w = layer_[layer];
  kernels::cuda::rms_norm(
      stream, kernels::cuda::RmsNormArguments<float>{chunk.tokens, 1, d_, x_.data(), d_,
                                                     w.norm1.data(), eps_, h_.data(), d_});
  kernels::cuda::linear(
      stream, {w.in_proj.view(), chunk.tokens, h_.data(), d_, {u_.data(), nullptr, false, rows_}});
  if (chunk.tokens == 1) {
    mix_one(stream, layer, chunk);
  } else {
    mix(stream, layer, chunk, first_wanted);
  }
  const std::size_t wanted = chunk.tokens - first_wanted;
  float* x = x_.data() + first_wanted * d_;
  kernels::cuda::linear(stream, {w.out_proj.view(),
                                 wanted,
                                 y_.data() + first_wanted * inner_,
                                 inner_,
                                 {nullptr, x, true, d_}});
  mlp(stream, w, wanted, x);
}

void Network::mix(cudaStream_t stream, std::size_t layer, const Chunk& chunk,
                  std::size_t first_wanted) {
  const DeviceLayer& w = layer_[layer];
  const std::size_t attention_heads = H_ - chunk.state_heads;
  convolve(stream, layer, chunk);
  const bf16* q = qkv_.data();
  if (chunk.state_heads > 0) {
    float* state = chunk.ssm + layer * chunk.state_heads * K_ * V_;
    kernels::cuda::ssd_prefill(stream, {.tokens = chunk.tokens,
                                        .heads = chunk.state_heads,
                                        .head = w.head_order.data() + attention_heads,
                                        .K = K_,
                                        .V = V_,
                                        .q = q,
                                        .ldq = C_,
                                        .k = q + H_ * K_,
                                        .ldk = C_,
                                        .v = q + 2 * H_ * K_,
                                        .ldv = C_,
                                        .a = a_.data(),
                                        .dt = dt_.data(),
                                        .lda = H_,
                                        .scale = 1 / std::sqrt(static_cast<float>(K_)),
                                        .state = state,
                                        .next_state = state,
                                        .workspace = ssd_workspace_.data(),
                                        .y = y_.data(),
                                        .ldy = inner_});
  }
  if (attention_heads > 0) attend(stream, layer, chunk, first_wanted);
  finish_heads(stream, layer, chunk, first_wanted, H_);
}

// One token: the state heads in one launch, the attending ones step by step.
void Network::mix_one(cudaStream_t stream, std::size_t layer, const Chunk& chunk) {
  const DeviceLayer& w = layer_[layer];
  const std::size_t attention_heads = H_ - chunk.state_heads;
  if (chunk.state_heads > 0) {
    float* state = chunk.ssm + layer * chunk.state_heads * K_ * V_;
    kernels::cuda::decode_step(stream, {.H = H_,
                                        .heads = chunk.state_heads,
                                        .head = w.head_order.data() + attention_heads,
                                        .K = K_,
                                        .V = V_,
                                        .u = u_.data(),
                                        .conv_weight = w.conv_weight.data(),
                                        .conv_bias = w.conv_bias.data(),
                                        .history = history_.data() + history_at(layer),
                                        .next_history = chunk.conv + history_at(layer),
                                        .q_norm = w.q_norm.data(),
                                        .k_norm = w.k_norm.data(),
                                        .dt_bias = w.dt_bias.data(),
                                        .A_log = w.A_log.data() + chunk.state_heads * H_,
                                        .D = w.D.data(),
                                        .out_norm = w.out_norm.data() + chunk.state_heads * inner_,
                                        .eps = eps_,
                                        .state = state,
                                        .next_state = state,
                                        .y = y_.data()});
  }
  if (attention_heads == 0) return;
  convolve(stream, layer, chunk);
  attend(stream, layer, chunk, 0);
  finish_heads(stream, layer, chunk, 0, attention_heads);
}

// From u to q, k, v, normalised, and the step sizes and decays, of all heads.
void Network::convolve(cudaStream_t stream, std::size_t layer, const Chunk& chunk) {
  const DeviceLayer& w = layer_[layer];
  const std::size_t L = chunk.tokens;
  bf16 *q = qkv_.data(), *k = q + H_ * K_;
  kernels::cuda::causal_conv(
      stream, {L, C_, u_.data(), rows_, w.conv_weight.data(), w.conv_bias.data(),
               history_.data() + history_at(layer), chunk.conv + history_at(layer), q, C_});
  using Norm = kernels::cuda::RmsNormArguments<bf16>;
  kernels::cuda::rms_norm(stream, Norm{L, H_, K_, q, C_, w.q_norm.data(), eps_, q, C_});
  kernels::cuda::rms_norm(stream, Norm{L, H_, K_, k, C_, w.k_norm.data(), eps_, k, C_});
  kernels::cuda::discretise(
      stream, {L, H_, u_.data() + C_ + inner_, rows_, w.dt_bias.data(),
               w.A_log.data() + chunk.state_heads * H_, dt_.data(), a_.data(), log_dt_.data()});
}

// The first heads of the switch order attend; their slots are [layers][attention heads] in a page.
kernels::cuda::PagedCache Network::cache(std::size_t layer, const Chunk& chunk) const {
  const std::size_t slot = kernels::cuda::device_slot_bytes(K_, V_);
  return {page_.data(), layer * (H_ - chunk.state_heads) * slot, chunk.first_position};
}

void Network::attend(cudaStream_t stream, std::size_t layer, const Chunk& chunk,
                     std::size_t first_wanted) {
  const DeviceLayer& w = layer_[layer];
  const std::size_t heads = H_ - chunk.state_heads;
  const bf16* q = qkv_.data();
  kernels::cuda::append_to_cache(stream, {.tokens = chunk.tokens,
                                          .heads = heads,
                                          .head = w.head_order.data(),
                                          .K = K_,
                                          .V = V_,
                                          .k = q + H_ * K_,
                                          .ldk = C_,
                                          .v = q + 2 * H_ * K_,
                                          .ldv = C_,
                                          .a = a_.data(),
                                          .log_dt = log_dt_.data(),
                                          .lda = H_,
                                          .cache = cache(layer, chunk),
                                          .position = chunk.position});
  const kernels::cuda::AttentionArguments arguments{.tokens = chunk.tokens - first_wanted,
                                                    .heads = heads,
                                                    .head = w.head_order.data(),
                                                    .K = K_,
                                                    .V = V_,
                                                    .q = q + first_wanted * C_,
                                                    .ldq = C_,
                                                    .query_scale = w.query_scale.data(),
                                                    .cache = cache(layer, chunk),
                                                    .first_query = chunk.position + first_wanted,
                                                    .window = chunk.window,
                                                    .workspace = attention_workspace_.data(),
                                                    .y = y_.data() + first_wanted * inner_,
                                                    .ldy = inner_};
  if (arguments.tokens == 1) {
    kernels::cuda::attention_decode(stream, arguments);
  } else {
    kernels::cuda::attention_prefill(stream, arguments);
  }
}

// Skip, norm and gate of the first `heads` of the switch order.
void Network::finish_heads(cudaStream_t stream, std::size_t layer, const Chunk& chunk,
                           std::size_t first_wanted, std::size_t heads) {
  const DeviceLayer& w = layer_[layer];
  kernels::cuda::gate_norm(stream, {.rows = chunk.tokens - first_wanted,
                                    .heads = heads,
                                    .head = w.head_order.data(),
                                    .V = V_,
                                    .D = w.D.data(),
                                    .v = qkv_.data() + first_wanted * C_ + 2 * H_ * K_,
                                    .ldv = C_,
                                    .weight = w.out_norm.data() + chunk.state_heads * inner_,
                                    .eps = eps_,
                                    .z = u_.data() + first_wanted * rows_ + C_,
                                    .ldz = rows_,
                                    .y = y_.data() + first_wanted * inner_,
                                    .ldy = inner_});
}

void Network::mlp(cudaStream_t stream, const DeviceLayer& w, std::size_t rows, float* x) {
  bf16* gate = gate_up_.data();
  kernels::cuda::rms_norm(stream, kernels::cuda::RmsNormArguments<float>{
                                      rows, 1, d_, x, d_, w.norm2.data(), eps_, h_.data(), d_});
  kernels::cuda::linear(
      stream, {w.gate_up_proj.view(), rows, h_.data(), d_, {gate, nullptr, false, 2 * F_}});
  kernels::cuda::silu_mul(stream, {rows, F_, gate, 2 * F_, gate + F_, 2 * F_, gate, 2 * F_});
  kernels::cuda::linear(stream, {w.down_proj.view(), rows, gate, 2 * F_, {nullptr, x, true, d_}});
}

void Network::logits_of_rows(std::size_t first, std::size_t rows, float* out) {
  predict(rows_head_, x_.data() + first * d_, rows, out);
}

void Network::logits(const float* hidden, float* out) {
  const std::lock_guard lock(state_mutex_);
  predict(state_head_, hidden, 1, out);
}

void Network::predict(const Head& head, const float* hidden, std::size_t rows, float* out) {
  kernels::cuda::rms_norm(gpu_.stream(), kernels::cuda::RmsNormArguments<float>{
                                             rows, 1, d_, hidden, d_, final_norm_.data(), eps_,
                                             head.normed.data(), d_});
  kernels::cuda::linear(gpu_.stream(), {embedding_.view(),
                                        rows,
                                        head.normed.data(),
                                        d_,
                                        {nullptr, head.logits.data(), false, vocab_}});
  gpu_.read(reinterpret_cast<std::byte*>(out),
            reinterpret_cast<const std::byte*>(head.logits.data()), rows * vocab_ * sizeof(float));
}

}  // namespace stateline::cuda
