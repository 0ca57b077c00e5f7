// y = x W^T: every projection of the model.
#pragma once

#include <cstddef>

#include "kernels/packed_matrix.h"
#include "kernels/thread_pool.h"

namespace stateline::kernels {

// y = [y +] (scale * (x W^T) + bias), in this order, each step rounded to f32.
struct LinearEpilogue {
  const float* bias = nullptr;  // [n]; null: none
  float scale = 1;
  bool add = false;  // to what y held
};

// x [m, k] with row stride ldx, y [m, n] with row stride ldy (floats); y must not overlap x, and x
// is finite. m = 1 is the decode road, m of some hundreds the prefill road. Within one level a
// row's result depends neither on m nor on the thread count, bit for bit, so a prefill equals its
// decode steps. The tolerances are those of x W^T.
//   kF32, kBF16: products and sums in f32 (bf16 weights are widened, which is exact; activations
//     are never rounded to bf16). |error| <= 2e-6 * sum |x||w| against a double sum, for k <= 4096.
//   kInt8: activations are quantised per row, x_q = round_to_even(x * 127 / absmax), the dot
//   product
//     is an exact int32, y = dot * (absmax / 127) * scale[row]. The integer part is the same on all
//     levels.
//   kQ8_0, kQ4_0: activations are quantised alike, but per block of 32, so that an outlier costs
//     its own block alone; a block whose absmax is below 1e-30 counts as zeros. Each block's dot
//     product is an exact int32, the same on all levels; y sums dot * (absmax / 127 * scale) over
//     the blocks in f32, in the order of k. |error| <= 2e-6 * sum |x||w| against a double sum of
//     the same terms, for k <= 32768.
using Linear = void(ThreadPool& pool, const PackedMatrix& W, const float* x, size_t m, size_t ldx,
                    float* y, size_t ldy, const LinearEpilogue& epilogue);

// A level's `linear`, without an epilogue if none is given.
struct LinearKernel {
  Linear* run;

  void operator()(ThreadPool& pool, const PackedMatrix& W, const float* x, size_t m, size_t ldx,
                  float* y, size_t ldy, const LinearEpilogue& epilogue = {}) const {
    run(pool, W, x, m, ldx, y, ldy, epilogue);
  }
};

namespace reference {
Linear linear;
}

}  // namespace stateline::kernels
