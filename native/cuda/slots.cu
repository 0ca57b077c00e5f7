#include "cuda/slots.h"

#include <algorithm>

#include "kernels/attention.h"
#include "kernels/cuda/device_slot.cuh"

namespace stateline::cuda {

using kernels::kPageTokens;
using kernels::SlotView;
using kernels::cuda::ConstDeviceSlot;
using kernels::cuda::DeviceSlot;
using kernels::cuda::narrow;
using kernels::cuda::widen;

void store_slot(std::byte* stored, const std::byte* slot, std::size_t K, std::size_t V) {
  const SlotView to = kernels::slot_view(stored, K);
  const ConstDeviceSlot from(slot, K);
  std::copy_n(from.cumulative, kPageTokens, to.cumulative);
  std::copy_n(from.log_dt, kPageTokens, to.log_dt);
  for (std::size_t t = 0; t < kPageTokens; ++t) {
    for (std::size_t i = 0; i < K; ++i) to.k[i * kPageTokens + t] = widen(from.k[t * K + i]);
    for (std::size_t i = 0; i < V; ++i) to.v[t * V + i] = widen(from.v[t * V + i]);
  }
}

void unstore_slot(std::byte* slot, const std::byte* stored, std::size_t K, std::size_t V) {
  const SlotView from = kernels::slot_view(const_cast<std::byte*>(stored), K);
  const DeviceSlot to(slot, K);
  std::copy_n(from.cumulative, kPageTokens, to.cumulative);
  std::copy_n(from.log_dt, kPageTokens, to.log_dt);
  for (std::size_t t = 0; t < kPageTokens; ++t) {
    for (std::size_t i = 0; i < K; ++i) to.k[t * K + i] = narrow(from.k[i * kPageTokens + t]);
    for (std::size_t i = 0; i < V; ++i) to.v[t * V + i] = narrow(from.v[t * V + i]);
  }
}

}  // namespace stateline::cuda
