// What a model remembers after some tokens, layer by layer: matrices of the recurrent heads, the
// last inputs of the convolutions, keys and values of the attending heads.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace stateline::models {

// Matrices S [heads, K, V]; runs of heads share one of key_heads keys.
struct RecurrentMemory {
  std::size_t heads = 0, K = 0, V = 0;
  std::size_t key_heads = heads;
  std::size_t floats() const { return heads * K * V; }
  bool operator==(const RecurrentMemory&) const = default;
};

// A slot a head in each page of 32 tokens; see kernels/attention.h.
struct CacheMemory {
  std::size_t heads = 0, K = 0, V = 0;
  bool operator==(const CacheMemory&) const = default;
};

// A layer may have any of the three.
struct LayerMemory {
  RecurrentMemory recurrent;
  std::size_t conv_channels = 0;  // of which the last three tokens' inputs are kept
  CacheMemory cache;
  bool operator==(const LayerMemory&) const = default;
};

// What one layer keeps of a page of 32 tokens, as the device lays it out, in bytes.
struct PageBytes {
  // Of one attending head's keys and values.
  std::function<std::size_t(std::size_t K, std::size_t V)> slot;
  // Of the log of recurrent heads (see LogOp); 0 if the device keeps none for such heads.
  std::function<std::size_t(const RecurrentMemory&)> log;
};

// Where each layer's memory lies among all layers'.
class MemoryLayout {
 public:
  MemoryLayout(std::vector<LayerMemory> layers, const PageBytes& page);

  const std::vector<LayerMemory>& layers() const { return layers_; }

  // Floats before the layer's recurrent matrices, floats before its convolution's inputs [3, C],
  // and bytes from a page's beginning to its first slot, and from a log's to its part.
  std::size_t recurrent_at(std::size_t layer) const { return places_[layer].recurrent; }
  std::size_t conv_at(std::size_t layer) const { return places_[layer].conv; }
  std::size_t slots_at(std::size_t layer) const { return places_[layer].slots; }
  std::size_t log_at(std::size_t layer) const { return places_[layer].log; }

  std::size_t recurrent_floats() const { return places_.back().recurrent; }
  std::size_t conv_floats() const { return places_.back().conv; }
  std::size_t page_bytes() const { return places_.back().slots; }
  std::size_t log_bytes() const { return places_.back().log; }

  // Whether tokens are logged beside the matrices and folded into them page by page, rather than
  // written into them one by one.
  bool logged() const { return log_bytes() > 0; }

 private:
  struct Place {
    std::size_t recurrent = 0, conv = 0, slots = 0, log = 0;
  };
  std::vector<LayerMemory> layers_;
  std::vector<Place> places_;  // [layers + 1]
};

}  // namespace stateline::models
