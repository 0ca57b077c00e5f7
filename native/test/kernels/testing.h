// What the kernel tests share: seeded random input, the levels to try, and comparison with a bound.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace stateline::kernels::testing {

// STATELINE_SEED repeats a failed run; every test prints the seed it used when it fails (CAPTURE).
inline uint32_t seed() {
  static const uint32_t value = [] {
    const char* given = std::getenv("STATELINE_SEED");
    return given ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  }();
  return value;
}

class Random {
 public:
  explicit Random(uint32_t salt) : engine_(seed() + salt) {}
  float normal() { return normal_(engine_); }
  float uniform(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(engine_);
  }
  int integer(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine_); }
  std::vector<float> normals(size_t n) {
    std::vector<float> values(n);
    for (float& value : values) value = normal();
    return values;
  }

 private:
  std::mt19937 engine_;
  std::normal_distribution<float> normal_{0, 1};
};

// Every level but the reference itself.
inline std::vector<const Kernels*> levels() {
  auto tables = available_kernels();
  tables.erase(tables.begin());
  return tables;
}

// The greatest |a - b| - bound(i) over i; the values agree if it is not positive. NaN counts as
// infinite.
template <class Bound>
double excess(const std::vector<float>& a, const std::vector<float>& b, const Bound& bound) {
  double worst = -INFINITY;
  for (size_t i = 0; i < a.size(); ++i) {
    const double over = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])) - bound(i);
    worst = std::max(worst, std::isnan(over) ? INFINITY : over);
  }
  return worst;
}

inline double largest(const std::vector<float>& values) {
  double top = 0;
  for (const float value : values) top = std::max(top, std::fabs(static_cast<double>(value)));
  return top;
}

}  // namespace stateline::kernels::testing
