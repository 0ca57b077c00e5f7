// kernels/elementwise.h on a GPU: activations in bf16, what steers the state in f32.
#pragma once

#include "kernels/cuda/types.h"

namespace stateline::kernels::cuda {

// y = SiLU(gate) * up, the SwiGLU (arXiv 2002.05202). |error| <= 2^-8 |y|.
struct SiluMulArguments {
  size_t rows, width;
  const bf16* gate;
  size_t ldg;
  const bf16* up;
  size_t ldu;
  bf16* y;  // may be gate or up
  size_t ldy;
};
void silu_mul(cudaStream_t stream, const SiluMulArguments& arguments);

// dt = softplus(u + bias), a = -exp(A_log) dt, log_dt = log(max(dt, 1e-6)); results dense
// [rows, heads]. |error| <= 1e-5 relative.
struct DiscretiseArguments {
  size_t rows, heads;
  const bf16* u;
  size_t ldu;
  const float* bias;
  const float* A_log;
  float* dt;
  float* a;
  float* log_dt;
};
void discretise(cudaStream_t stream, const DiscretiseArguments& arguments);

// The mixer's end in one launch: y = RMSNorm(y + D v) weight * sigmoid(z), over each head.
// |error| <= 2^-7 (|y| + largest weight).
struct GateNormArguments {
  size_t rows, heads;
  size_t V;        // at most 128
  const float* D;  // [heads]
  const bf16* v;
  size_t ldv;
  const float* weight;  // [heads, V]
  float eps;
  const bf16* z;
  size_t ldz;
  bf16* y;  // in and out
  size_t ldy;
};
void gate_norm(cudaStream_t stream, const GateNormArguments& arguments);

}  // namespace stateline::kernels::cuda
