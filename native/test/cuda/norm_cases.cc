#include "cases.h"
#include "kernels/cuda/norm.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

constexpr float kEps = 1e-5f;

template <class X>
std::vector<X> as(const std::vector<float>& values) {
  if constexpr (std::is_same_v<X, float>) {
    return values;
  } else {
    return narrow_all(values);
  }
}

template <class X>
Outcome run(Random& random) {
  const size_t rows = size_up_to(random, 6), groups = size_up_to(random, 3),
               width = size_up_to(random, 150), all = groups * width;
  const size_t ldx = stride_for(random, all), ldy = stride_for(random, all);
  const auto x = bf16_normals(random, extent(rows, ldx, all));
  const auto weight = random.normals(all);
  std::vector<float> expected(extent(rows, ldy, all));
  reference::rms_norm(rows, groups, width, x.data(), ldx, weight.data(), kEps, expected.data(),
                      ldy);

  DeviceBuffer<X> device_x("x", as<X>(x));
  DeviceBuffer<float> device_weight("weight", weight);
  DeviceBuffer<bf16> y("y", expected.size());
  rms_norm(nullptr, RmsNormArguments<X>{rows, groups, width, device_x.data(), ldx,
                                        device_weight.data(), kEps, y.data(), ldy});
  Outcome outcome;
  const auto actual = widen_all(y.values());
  for (size_t t = 0; t < rows; ++t) {
    for (size_t i = t * ldy; i < t * ldy + all; ++i)
      outcome.compare(actual[i], expected[i], std::fabs(expected[i]) / 256 + 1e-6);
  }
  return outcome;
}

}  // namespace

std::vector<Case> norm_cases() {
  return {{"rms_norm of f32", run<float>}, {"rms_norm of bf16", run<bf16>}};
}

}  // namespace stateline::kernels::cuda::testing
