#include "cases.h"
#include "kernels/cuda/rotary.cuh"
#include "kernels/rotary.h"

namespace stateline::kernels::cuda::testing {
namespace {

// Whole heads or a part of each, at the beginning of a text or deep in one.
Outcome run(Random& random) {
  const size_t tokens = size_up_to(random, 6), heads = size_up_to(random, 20),
               width = 2 * size_up_to(random, 64),
               head_dim = width + (random.integer(0, 1) ? 0 : size_up_to(random, 40)),
               ldx = stride_for(random, heads * head_dim);
  const double theta = random.integer(0, 1) ? 1e4 : 1e11;
  const auto origin = static_cast<uint64_t>(random.integer(0, 1) ? 0 : random.integer(1, 1 << 20)),
             position = static_cast<uint64_t>(random.integer(0, 5000));
  auto x = bf16_normals(random, extent(tokens, ldx, heads * head_dim));
  DeviceBuffer<bf16> device_x("x", narrow_all(x));
  DeviceBuffer<uint64_t> device_origin("origin", std::vector<uint64_t>{origin});
  rotate(nullptr, {tokens, heads, head_dim, width, theta, position, device_origin.data(),
                   device_x.data(), ldx});
  std::vector<float> cosines(tokens * width / 2), sines(cosines.size());
  rotary_angles(tokens, origin + position, width, cosines.data(), sines.data(), theta);
  reference::rotate(tokens, heads, head_dim, width, cosines.data(), sines.data(), x.data(), ldx);
  Outcome outcome;
  const auto actual = widen_all(device_x.values());
  for (size_t i = 0; i < x.size(); ++i)
    outcome.compare(actual[i], x[i], std::fabs(x[i]) / 256 + 1e-4);
  return outcome;
}

}  // namespace

std::vector<Case> rotary_cases() { return {{"rotate", run}}; }

}  // namespace stateline::kernels::cuda::testing
