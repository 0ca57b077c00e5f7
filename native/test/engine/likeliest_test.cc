// The greatest few against sorting all.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/likeliest.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

namespace stateline::engine {
namespace {

TEST_CASE("the likeliest are those that sorting puts first") {
  for (unsigned seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> draw(-50, 50);  // many equal ones
    std::vector<float> values(std::uniform_int_distribution<std::size_t>(0, 1000)(random));
    for (float& value : values) value = static_cast<float>(draw(random));
    std::vector<std::int32_t> sorted(values.size());
    std::iota(sorted.begin(), sorted.end(), 0);
    std::stable_sort(sorted.begin(), sorted.end(), [&](std::int32_t a, std::int32_t b) {
      return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
    });
    for (const std::size_t count : {0u, 1u, 4u, 16u}) {
      const auto first = sorted.begin();
      const auto end = first + static_cast<std::ptrdiff_t>(std::min(count, sorted.size()));
      CHECK(likeliest(values, count) == std::vector<std::int32_t>(first, end));
    }
  }
}

TEST_CASE("values that are no numbers give places all the same") {
  std::vector<float> values(300, std::numeric_limits<float>::quiet_NaN());
  for (const std::int32_t place : likeliest(values, 16)) CHECK((place >= 0 && place < 300));
  CHECK(likeliest(values, 16).size() == 16);
}

}  // namespace
}  // namespace stateline::engine
