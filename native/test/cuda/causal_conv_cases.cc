#include "cases.h"
#include "kernels/cuda/causal_conv.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

// In one chunk or, streaming, in two with the history carried over.
Outcome run(Random& random, void (*kernel)(cudaStream_t, const CausalConvArguments&), bool split) {
  const size_t L = size_up_to(random, split ? 90 : 150), C = size_up_to(random, 100),
               ldx = stride_for(random, C), ldy = stride_for(random, C);
  const size_t cut = split ? static_cast<size_t>(random.integer(1, static_cast<int>(L))) : L;
  const auto x = bf16_normals(random, extent(L, ldx, C)), weight = random.normals(kConvWidth * C),
             bias = random.normals(random.integer(0, 2) ? C : 0);
  auto history = bf16_normals(random, kConvHistory * C);
  DeviceBuffer<bf16> device_x("x", narrow_all(x)), y("y", extent(L, ldy, C));
  DeviceBuffer<float> device_weight("weight", weight), device_bias("bias", bias),
      before("history", history), between("next_history", history.size()),
      after("last history", split ? history.size() : 0);
  CausalConvArguments s{cut,
                        C,
                        device_x.data(),
                        ldx,
                        device_weight.data(),
                        bias.empty() ? nullptr : device_bias.data(),
                        before.data(),
                        between.data(),
                        y.data(),
                        ldy};
  kernel(nullptr, s);
  if (cut < L) {
    s.tokens = L - cut;
    s.x += cut * ldx;
    s.y += cut * ldy;
    s.history = between.data();
    s.next_history = after.data();
    kernel(nullptr, s);
  }

  std::vector<float> expected(y.size());
  ThreadPool pool(1);
  reference::causal_conv(pool,
                         {L, C, x.data(), ldx, weight.data(), bias.empty() ? nullptr : bias.data(),
                          history.data(), expected.data(), ldy});
  Outcome outcome;
  const auto actual = widen_all(y.values());
  for (size_t t = 0; t < L; ++t) {
    for (size_t i = t * ldy; i < t * ldy + C; ++i)
      outcome.compare(actual[i], expected[i], std::fabs(expected[i]) / 256 + 1e-4);
  }
  const auto carried = (cut < L ? after : between).values();
  for (size_t i = 0; i < history.size(); ++i) outcome.compare(carried[i], history[i], 0);
  return outcome;
}

}  // namespace

std::vector<Case> causal_conv_cases() {
  return {{"causal_conv, direct", [](Random& r) { return run(r, causal_conv_direct, false); }},
          {"causal_conv, tiled", [](Random& r) { return run(r, causal_conv_tiled, false); }},
          {"causal_conv, streaming", [](Random& r) { return run(r, causal_conv, true); }}};
}

}  // namespace stateline::kernels::cuda::testing
