// A case runs one kernel once on random input of a random shape and says how far it is from the
// reference. The same cases serve plain tests and tests with planted faults.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "device_buffer.h"  // of the emulator, or of a GPU (gpu/)
#include "kernels/cuda/types.h"
#include "test/kernels/testing.h"

namespace stateline::kernels::cuda::testing {

using kernels::testing::Random;

// The worst |actual - expected| - bound over all that was compared; not positive if all agree.
struct Outcome {
  double excess = -INFINITY;
  void compare(double actual, double expected, double bound) {
    const double over = std::fabs(actual - expected) - bound;
    excess = std::max(excess, std::isnan(over) ? INFINITY : over);
  }
};

struct Case {
  std::string name;
  std::function<Outcome(Random&)> run;
};

std::vector<Case> norm_cases();
std::vector<Case> elementwise_cases();
std::vector<Case> causal_conv_cases();
std::vector<Case> long_conv_cases();
std::vector<Case> ssd_cases();
std::vector<Case> attention_cases();
std::vector<Case> linear_cases();
std::vector<Case> embedding_cases();
std::vector<Case> experts_cases();
std::vector<Case> head_end_cases();
std::vector<Case> rotary_cases();
std::vector<Case> sampling_cases();
// Of the kernels that STATELINE_CUDA_CASE names a part of ("gemm"), or of all.
std::vector<Case> all_cases();
// Random shapes a kernel: STATELINE_CUDA_SHAPES, or a few.
int shapes();

// Normals that are bf16 already, so that both sides see the same input.
inline std::vector<float> bf16_normals(Random& random, size_t count) {
  std::vector<float> values = random.normals(count);
  for (float& value : values) value = widen(narrow(value));
  return values;
}
inline std::vector<bf16> narrow_all(const std::vector<float>& values) {
  std::vector<bf16> narrowed(values.size());
  std::transform(values.begin(), values.end(), narrowed.begin(), narrow);
  return narrowed;
}
inline std::vector<float> widen_all(const std::vector<bf16>& values) {
  std::vector<float> widened(values.size());
  std::transform(values.begin(), values.end(), widened.begin(), widen);
  return widened;
}
inline std::vector<float> uniforms(Random& random, size_t count, float low, float high) {
  std::vector<float> values(count);
  for (float& value : values) value = random.uniform(low, high);
  return values;
}

// Sizes that kernels meet: often a multiple of 8, often not, now and then the most.
inline size_t size_up_to(Random& random, size_t most) {
  if (random.integer(0, 7) == 0) return most;
  const auto size = static_cast<size_t>(random.integer(1, static_cast<int>(most)));
  return random.integer(0, 1) ? std::min(most, (size + 7) / 8 * 8) : size;
}
// Of a row of `width`: sometimes with a gap, aligned or not.
inline size_t stride_for(Random& random, size_t width) {
  constexpr size_t gaps[] = {0, 8, 3};
  return (random.integer(0, 1) ? (width + 7) / 8 * 8 : width) + gaps[random.integer(0, 2)];
}
// How many floats rows with a stride take: the last row has no gap.
inline size_t extent(size_t rows, size_t stride, size_t width) {
  return rows == 0 ? 0 : (rows - 1) * stride + width;
}

}  // namespace stateline::kernels::cuda::testing
