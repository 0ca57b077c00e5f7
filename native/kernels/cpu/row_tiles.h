// Cuts m rows into tiles of a fixed height and turns the last one's height into a constant.
#pragma once

#include <type_traits>

#include "kernels/cpu/simd.h"

namespace stateline::kernels::STATELINE_LEVEL {

// body(first row, rows) for each tile.
template <size_t Rows, class Body>
STATELINE_INLINE void for_row_tiles(size_t m, const Body& body) {
  for (size_t t = 0; t < m; t += Rows) body(t, smaller(Rows, m - t));
}

// body(std::integral_constant<size_t, rows>) for 1 <= rows <= Rows.
template <size_t Rows, class Body>
STATELINE_INLINE void with_rows(size_t rows, const Body& body) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return with_rows<Rows - 1>(rows, body);
  }
  body(std::integral_constant<size_t, Rows>{});
}

}  // namespace stateline::kernels::STATELINE_LEVEL
