// The tables of a plan, read from a checkpoint and packed for the processor's kernels.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/packed_matrix.h"
#include "models/plan.h"
#include "models/stored.h"

namespace stateline::engine {

// How matrices may be rounded as they are read. What is stored in a type that the kernels multiply
// by is taken over as it is, whatever this says.
enum class Rounding {
  kNone,  // the values as they are, in f32 where nothing smaller holds them
  kInt8,  // in blocks of 32: 8.5 bits a weight
  kInt4,  // likewise: 4.5 bits
};

struct Weights {
  std::vector<kernels::PackedMatrix> matrices;  // [plan.matrices()]
  std::vector<std::vector<float>> vectors;      // [plan.vectors()]
  std::size_t parameters = 0;
  std::size_t bytes = 0;
};

// On `threads` threads. Throws Error(kInvalidModel) with one sentence if a tensor is missing, has
// another shape, or is not finite.
Weights read_weights(const models::Plan& plan, const models::StoredModel& stored, Rounding rounding,
                     unsigned threads);

}  // namespace stateline::engine
