// The model on a GPU: its weights, uploaded once, and the forward pass as launches of
// kernels/cuda. The mathematics stands in docs/architecture.md.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "cuda/gpu.h"
#include "cuda/library.h"
#include "cuda/step_graphs.h"
#include "kernels/causal_conv.h"
#include "kernels/cuda/attention.cuh"

namespace stateline::cuda {

using kernels::cuda::bf16;

class DeviceMatrix {
 public:
  DeviceMatrix(Gpu& gpu, const Matrix& matrix);
  kernels::cuda::WeightMatrix view() const {
    return {format_, n_, k_, values_.data(), scale_.data(), nullptr};
  }

 private:
  kernels::cuda::WeightFormat format_;
  std::size_t n_, k_;
  Array<std::byte> values_;
  Array<float> scale_;
};

struct DeviceLayer {
  DeviceLayer(Gpu& gpu, const Weights& shape, const Layer& layer);

  Array<float> norm1, norm2, conv_weight, conv_bias, q_norm, k_norm, dt_bias, D, query_scale;
  Array<float> A_log, out_norm;  // [H + 1, H], [H + 1, H, V]
  Array<std::uint32_t> head_order;
  DeviceMatrix in_proj, out_proj, gate_up_proj, down_proj;
};

struct Network {
 public:
  Network(Gpu& gpu, const Weights& weights, std::size_t most_tokens, std::size_t most_rows);

  Gpu& gpu() { return gpu_; }

  // See library.h.
  void advance(const Chunk& chunk);
  void logits_of_rows(std::size_t first, std::size_t rows, float* out);
  void logits(const float* hidden, float* out);

 private:
  // What predicts the next token, and its scratch for so many rows.
  struct Head {
    Array<bf16> normed;   // [rows, d]
    Array<float> logits;  // [rows, vocab]
  };

  void upload_pages(const Chunk& chunk);
  void step(const Chunk& chunk);
  void launch(cudaStream_t stream, const Chunk& chunk);
  void run_layer(cudaStream_t stream, std::size_t layer, const Chunk& chunk,
                 std::size_t first_wanted);
  void mix(cudaStream_t stream, std::size_t layer, const Chunk& chunk, std::size_t first_wanted);
  void mix_one(cudaStream_t stream, std::size_t layer, const Chunk& chunk);
  void convolve(cudaStream_t stream, std::size_t layer, const Chunk& chunk);
  void attend(cudaStream_t stream, std::size_t layer, const Chunk& chunk, std::size_t first_wanted);
  void finish_heads(cudaStream_t stream, std::size_t layer, const Chunk& chunk,
                    std::size_t first_wanted, std::size_t heads);
  void mlp(cudaStream_t stream, const DeviceLayer& w, std::size_t rows, float* x);
  void predict(const Head& head, const float* hidden, std::size_t rows, float* out);

  kernels::cuda::PagedCache cache(std::size_t layer, const Chunk& chunk) const;
  // Of a layer's part of the branch's convolution history, and of its copy from before the chunk.
  std::size_t history_at(std::size_t layer) const { return layer * kernels::kConvHistory * C_; }

  Gpu& gpu_;
  std::size_t vocab_, d_, layers_, H_, K_, V_, F_;
  std::size_t C_, inner_, rows_;  // H (2 K + V), H V, C + H V + H
  float eps_;
  DeviceMatrix embedding_;
  Array<float> final_norm_;
  std::vector<DeviceLayer> layer_;

  // Scratch, row-major [most_tokens, width].
  Array<std::int32_t> token_;
  Array<std::byte*> page_;
  Array<float> x_;                // d: the residual stream
  Array<bf16> h_;                 // d: normalised
  Array<bf16> u_;                 // rows: q k v z dt
  Array<bf16> qkv_;               // C: after the convolution
  Array<bf16> y_;                 // H V: mixed values
  Array<bf16> gate_up_;           // 2 F
  Array<float> dt_, a_, log_dt_;  // H
  Array<float> history_;          // [layers, 3, C] the convolution's before the chunk
  Array<float> step_conv_;        // [layers, 3, C] after a single token
  Array<float> step_ssm_;         // [layers, state heads, K, V] before it and after it
  Array<float> ssd_workspace_, attention_workspace_;
  Head rows_head_, state_head_;
  std::mutex state_mutex_;  // guards state_head_
  StepGraphs graphs_;       // of a single token: their launches name the arrays above
};

}  // namespace stateline::cuda
