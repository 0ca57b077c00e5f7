#include "models/memory_layout.h"

#include <utility>

#include "kernels/causal_conv.h"

namespace stateline::models {

MemoryLayout::MemoryLayout(std::vector<LayerMemory> layers, const SlotBytes& slot_bytes)
    : layers_(std::move(layers)), places_(1) {
  for (const LayerMemory& layer : layers_) {
    const CacheMemory& cache = layer.cache;
    Place next = places_.back();
    next.recurrent += layer.recurrent.floats();
    next.conv += kernels::kConvHistory * layer.conv_channels;
    if (cache.heads > 0) next.slots += cache.heads * slot_bytes(cache.K, cache.V);
    places_.push_back(next);
  }
}

}  // namespace stateline::models
