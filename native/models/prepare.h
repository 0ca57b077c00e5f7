// What tensors become before the kernels read them.
#pragma once

#include <cstddef>

#include "models/plan.h"

namespace stateline::models {

// A convolution's weights [channels, 4] or [channels, 1, 4] -> [4, channels]
std::vector<float> tap_major(std::vector<float> weight);
Prepare scaled(float factor);
// The norms of some families hold the difference from 1.
std::vector<float> plus_one(std::vector<float> weight);
// One head's values for each of so many heads.
Prepare repeated(std::size_t heads);
Prepare plus_one_repeated(std::size_t heads);

}  // namespace stateline::models
