// kernels/elementwise.h on a GPU: activations in bf16, what steers the state in f32.
#pragma once

#include <cmath>

#include "kernels/cuda/types.h"

namespace stateline::kernels::cuda {

// y = f(gate) * up, with SiLU the SwiGLU (arXiv 2002.05202). |error| <= 2^-8 |y|.
struct GateArguments {
  Activation f;
  size_t rows, width;
  const bf16* gate;
  size_t ldg;
  const bf16* up;  // null: ones
  size_t ldu;
  bf16* y;        // may be gate or up
  float* wide_y;  // one of these two is null
  size_t ldy;
  bool one_gate = false;  // gate [rows, 1] for a whole row
};
void gate(cudaStream_t stream, const GateArguments& arguments);

// dt = softplus(u + bias) within [least, most], a = -exp(A_log) dt, log_dt = log(max(dt, 1e-6));
// results dense [rows, heads]. |error| <= 1e-5 relative.
struct DiscretiseArguments {
  size_t rows, heads;
  const bf16* u;
  size_t ldu;
  const float* bias;
  const float* A_log;
  float* dt;
  float* a;
  float* log_dt;  // null: nobody asks for it
  float least = 0, most = INFINITY;
};
void discretise(cudaStream_t stream, const DiscretiseArguments& arguments);

}  // namespace stateline::kernels::cuda
