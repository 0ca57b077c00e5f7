// States as bytes, so that what was read survives a restart.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engine/model.h"
#include "engine/state.h"

namespace stateline::engine {

// Little-endian: "SLSTATE1", model hash, shape, token count (11 x u64); the recurrent memory,
// convolution history, last hidden vector and pages as they lie in main memory, whatever device the
// state is on; XXH64 of all before.
std::vector<std::byte> serialize(const State& state);

// Throws Error(kInvalidState) unless the bytes are whole and of this very model.
// On the model's device.
std::shared_ptr<const State> restore(const Model& model, std::span<const std::byte> bytes);

}  // namespace stateline::engine
