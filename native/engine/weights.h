// The tables of a plan, read from a checkpoint and packed for the processor's kernels.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/packed_matrix.h"
#include "models/plan.h"
#include "models/stored.h"

namespace stateline::engine {

// How matrices may be rounded as they are read, and with them, as they are multiplied, the
// activations. Those of int8 by the row stay what they are.
enum class Rounding {
  kNone,  // to nothing: bf16 where that is stored, else f32
  kInt8,  // to blocks of 32, 8.5 bits a weight; blocks of 4.5 bits that are stored stay
  kInt4,  // to blocks of 32, 4.5 bits a weight
};

struct Weights {
  std::vector<kernels::PackedMatrix> matrices;  // [plan.matrices()]
  std::vector<std::vector<float>> vectors;      // [plan.vectors()]
  std::size_t parameters = 0;
  std::size_t bytes = 0;
};

using ModelHash = std::array<std::uint64_t, 2>;  // of the configuration and of the weights

// On `threads` threads. Throws Error(kInvalidModel) with one sentence if a tensor is missing, has
// another shape, or is not finite.
Weights read_weights(const models::Plan& plan, const models::StoredModel& stored, Rounding rounding,
                     unsigned threads);

// The same with matrices [plan.matrices()] that were packed before.
Weights read_weights(const models::Plan& plan, const models::StoredModel& stored,
                     std::vector<kernels::PackedMatrix> matrices);

// Of the plan's shapes, as a checkpoint in bf16 is packed, and of no meaning: small values, alike.
Weights blank_weights(const models::Plan& plan, Rounding rounding);

}  // namespace stateline::engine
