// How the GPU's kernels want a page of the attention cache.
#pragma once

#include "kernels/attention.h"
#include "kernels/cuda/platform.cuh"

namespace stateline::kernels::cuda {

// One head's part of one page, 32 tokens, 16-byte aligned:
//   double cumulative[32], float log_dt[32], bf16 k[32][K], bf16 v[32][V]
// Keys lie row by row, unlike the CPU's: both a tensor core's tile and a lane's own key are then
// runs of 16 bytes.
__host__ __device__ constexpr size_t device_slot_bytes(size_t K, size_t V) {
  const size_t bytes = kPageTokens * (sizeof(double) + sizeof(float) + sizeof(bf16) * (K + V));
  return (bytes + 15) / 16 * 16;
}

template <class Byte, class Double, class Float, class Half>
struct DeviceSlotOf {
  Double* cumulative;
  Float* log_dt;
  Half* k;
  Half* v;
  __host__ __device__ DeviceSlotOf(Byte* slot, size_t K)
      : cumulative(reinterpret_cast<Double*>(slot)),
        log_dt(reinterpret_cast<Float*>(cumulative + kPageTokens)),
        k(reinterpret_cast<Half*>(log_dt + kPageTokens)),
        v(k + kPageTokens * K) {}
};
using DeviceSlot = DeviceSlotOf<std::byte, double, float, bf16>;
using ConstDeviceSlot = DeviceSlotOf<const std::byte, const double, const float, const bf16>;

}  // namespace stateline::kernels::cuda
