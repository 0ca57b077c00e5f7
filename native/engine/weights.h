// The tables of a plan, read from a checkpoint and packed for the processor's kernels.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/packed_matrix.h"
#include "models/plan.h"
#include "models/stored.h"

namespace stateline::engine {

struct Weights {
  std::vector<kernels::PackedMatrix> matrices;  // [plan.matrices()]
  std::vector<std::vector<float>> vectors;      // [plan.vectors()]
  std::size_t parameters = 0;
  std::size_t bytes = 0;
};

// Throws Error(kInvalidModel) with one sentence if a tensor is missing, has another shape, or is
// not finite.
Weights read_weights(const models::Plan& plan, const models::StoredModel& stored);

}  // namespace stateline::engine
