#include "models/memory_layout.h"

#include <utility>

#include "kernels/causal_conv.h"

namespace stateline::models {

MemoryLayout::MemoryLayout(std::vector<LayerMemory> layers, const PageBytes& page)
    : layers_(std::move(layers)), places_(1) {
  for (const LayerMemory& layer : layers_) {
    const CacheMemory& cache = layer.cache;
    Place next = places_.back();
    next.recurrent += layer.recurrent.floats();
    next.conv += kernels::kConvHistory * layer.conv_channels;
    if (cache.heads > 0) next.slots += cache.heads * page.slot(cache.K, cache.V);
    if (layer.recurrent.heads > 0) next.log += page.log(layer.recurrent);
    places_.push_back(next);
  }
}

}  // namespace stateline::models
