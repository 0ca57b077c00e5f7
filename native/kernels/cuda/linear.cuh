// kernels/linear.h on a GPU: y = [y +] scale x W^T + bias with x in bf16, W in bf16, int8 or int4
// (weights only: the activations stay bf16), sums in f32. |error| <= 2^-8 (|y| if it is rounded to
// bf16) + 2e-5 sum |x||w| for gemv; for gemm int4 weights are rounded to bf16, which adds 2^-8 sum
// |x||w|.
#pragma once

#include "kernels/cuda/weights.h"

namespace stateline::kernels::cuda {

// Where results go: rounded to bf16, or in f32 (logits), or added to f32 (the residual stream).
struct LinearOutput {
  bf16* narrow;  // one of these two is null
  float* wide;
  bool add;  // wide only
  size_t ld;
};

struct LinearArguments {
  WeightMatrix W;
  size_t m;
  const bf16* x;  // [m, k], stride ldx
  size_t ldx;
  LinearOutput y;  // [m, n]
  float scale = 1;
  const float* bias = nullptr;  // [n]; null: none
};

// m == 1: a warp a row of W, which is read once, in order.
void gemv(cudaStream_t stream, const LinearArguments& arguments);
// Any m, on tensor cores; `tile` 0 chooses the tile, 64 and 128 name it (for tests).
void gemm(cudaStream_t stream, const LinearArguments& arguments, int tile = 0);

// gemv for one row, else gemm.
inline void linear(cudaStream_t stream, const LinearArguments& arguments) {
  if (arguments.m == 1) return gemv(stream, arguments);
  gemm(stream, arguments);
}

}  // namespace stateline::kernels::cuda
