// The inside of a chunk under the delta rule: what is written depends on what was written before.
#pragma once

#include "kernels/cpu/small_product.h"

namespace stateline::kernels::STATELINE_LEVEL {

// Solves X = tile + L X in place, L [R, R] strictly lower triangular (the rest is not read), row
// stride ldl.
template <size_t R>
STATELINE_INLINE void solve_triangle(Tile<R>& tile, const float* L, size_t ldl) {
  STATELINE_UNROLL
  for (size_t r = 1; r < R; ++r) {
    STATELINE_UNROLL
    for (size_t before = 0; before < r; ++before) {
      const Vec factor = splat(L[r * ldl + before]);
      STATELINE_UNROLL
      for (size_t j = 0; j < kTileVecs; ++j)
        tile.sums[r][j] = mul_add(factor, tile.sums[before][j], tile.sums[r][j]);
    }
  }
}

}  // namespace stateline::kernels::STATELINE_LEVEL
