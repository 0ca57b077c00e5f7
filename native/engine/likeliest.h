// The greatest few of many: of a vocabulary of 150,000 entries almost none is looked at twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace stateline::engine {

// Places of the `count` greatest values, or of all if there are fewer; the greatest first, of equal
// ones the first. `count` is small. A NaN is greater than nothing.
std::vector<std::int32_t> likeliest(std::span<const float> values, std::size_t count);

}  // namespace stateline::engine
