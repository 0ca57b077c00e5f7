// Slots of the cache between the layout of the GPU's kernels and that of kernels/attention.h, in
// which states are stored. The GPU's keys and values are bf16, so what comes from elsewhere is
// rounded; its own come back as they were.
#pragma once

#include <cstddef>

namespace stateline::cuda {

// Both in main memory, one slot each.
void store_slot(std::byte* stored, const std::byte* slot, std::size_t K, std::size_t V);
void unstore_slot(std::byte* slot, const std::byte* stored, std::size_t K, std::size_t V);

}  // namespace stateline::cuda
