// A layer of experts of which each row takes the best few: y += scale * sum over its choices e of
// weight_e down_e (SiLU(gate) * up), [gate | up] = gate_up_e x. Weights are the softmax of the
// router's logits, over all experts or over those that are taken; of equal logits the first
// expert's counts more. Sums in f32, what is between the two products in bf16: |error| <= 2^-7 sum
// weight_e sum |down||h|.
#pragma once

#include "kernels/cuda/weights.h"

namespace stateline::kernels::cuda {

constexpr size_t kMaxExperts = 1024;

struct ExpertsArguments {
  size_t rows, experts, top_k;
  size_t d, F;
  const WeightMatrix* gate_up;  // [experts] of W [2 F, d]
  const WeightMatrix* down;     // [experts] of W [d, F]
  bool normalised;              // over those that are taken
  float scale;
  const float* logits;  // [rows, experts]
  size_t ldl;
  const bf16* x;  // [rows, d]
  size_t ldx;
  std::byte* workspace;  // experts_workspace_bytes(...), 16-byte aligned
  float* y;              // [rows, d]
  size_t ldy;
};
size_t experts_workspace_bytes(size_t rows, size_t top_k, size_t F);

// For each row alone: an expert's weights are read again for each row that chose it.
void experts(cudaStream_t stream, const ExpertsArguments& arguments);

}  // namespace stateline::kernels::cuda
