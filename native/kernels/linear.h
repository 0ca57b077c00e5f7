// y = x W^T: every projection of the model.
#pragma once

#include <cstddef>

#include "kernels/packed_matrix.h"
#include "kernels/thread_pool.h"

namespace stateline::kernels {

// x [m, k] with row stride ldx, y [m, n] with row stride ldy (floats); y must not overlap x.
// m = 1 is the decode road, m of some hundreds the prefill road. Within one level a row's result
// depends neither on m nor on the thread count, bit for bit, so a prefill equals its decode steps.
//   f32, bf16: products and sums in f32 (bf16 weights are widened, which is exact; activations are
//     never rounded to bf16). |error| <= 2e-6 * sum |x||w| against a double sum, for k <= 4096.
//   int8: activations are quantised per row, x_q = round_to_even(x * 127 / absmax), the dot product
//   is
//     an exact int32, y = dot * (absmax / 127) * scale[row]. The integer part is the same on all
//     levels.
using Linear = void(ThreadPool& pool, const PackedMatrix& W, const float* x, size_t m, size_t ldx,
                    float* y, size_t ldy);

namespace reference {
Linear linear;
}

}  // namespace stateline::kernels
