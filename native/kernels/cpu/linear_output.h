// Where the sums of `linear` go: past the epilogue into y.
#pragma once

#include "kernels/cpu/simd.h"
#include "kernels/linear.h"

namespace stateline::kernels::STATELINE_LEVEL {

class Output {
 public:
  Output(const PackedMatrix& W, float* y, size_t ldy, const LinearEpilogue& epilogue)
      : y_(y), ldy_(ldy), n_(W.rows()), epilogue_(epilogue) {}

  // The sums of outputs [n, n + kLanes) of one token; those beyond the last are left out.
  STATELINE_INLINE void put(size_t row, size_t n, Vec sums) const {
    if (n >= n_) return;
    const size_t count = smaller(kLanes, n_ - n);
    float* place = y_ + row * ldy_ + n;
    Vec value = sums * splat(epilogue_.scale);
    if (epilogue_.bias) value = value + load_up_to(epilogue_.bias + n, count);
    if (epilogue_.add) value = load_up_to(place, count) + value;
    store_up_to(place, value, count);
  }

 private:
  float* y_;
  size_t ldy_;
  size_t n_;
  LinearEpilogue epilogue_;
};

}  // namespace stateline::kernels::STATELINE_LEVEL
