// Whether a device computes what the processor computes: asked once, before a GPU is trusted.
#pragma once

#include "engine/executor.h"
#include "engine/model.h"

namespace stateline::engine {

// Reads a few tokens in a chunk and one more by itself, in state mode and with attending heads, on
// the model's device and on the processor. Throws Error(kDevice) if the logits have little to do
// with each other; rounding is no matter.
void check_against_processor(const Model& model, Executor& executor);

}  // namespace stateline::engine
