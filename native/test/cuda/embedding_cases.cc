#include "cases.h"
#include "kernels/cuda/embedding.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

Outcome run(Random& random, WeightFormat format) {
  const size_t vocab = size_up_to(random, 60), d = size_up_to(random, 1100),
               tokens = size_up_to(random, 9), ldx = stride_for(random, d);
  const PackedWeights packed = pack_weights(format, random.normals(vocab * d).data(), vocab, d);
  const auto W = unpack_weights(format, packed, vocab, d);
  std::vector<int32_t> token(tokens, static_cast<int32_t>(vocab) - 1);
  for (size_t t = 1; t < tokens; ++t) token[t] = random.integer(0, static_cast<int>(vocab) - 1);

  const float factor = random.integer(0, 1) ? 1 : random.uniform(-20, 20);

  DeviceBuffer<std::byte> values("values", packed.values);
  DeviceBuffer<float> scale("scale", packed.scale), x("x", extent(tokens, ldx, d));
  DeviceBuffer<bf16> group_scale("group_scale", packed.group_scale);
  DeviceBuffer<int32_t> device_token("token", token);
  embed(nullptr, {{format, vocab, d, values.data(), scale.data(), group_scale.data()},
                  tokens,
                  device_token.data(),
                  x.data(),
                  ldx,
                  factor});
  Outcome outcome;
  const auto actual = x.values();
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t c = 0; c < d; ++c) {
      const double expected =
          static_cast<double>(W[static_cast<size_t>(token[t]) * d + c]) * factor;
      outcome.compare(actual[t * ldx + c], expected, 2e-7 * std::fabs(expected));
    }
  }
  return outcome;
}

}  // namespace

std::vector<Case> embedding_cases() {
  return {{"embed, bf16", [](Random& r) { return run(r, WeightFormat::bf16); }},
          {"embed, int8", [](Random& r) { return run(r, WeightFormat::int8); }},
          {"embed, int4", [](Random& r) { return run(r, WeightFormat::int4); }}};
}

}  // namespace stateline::kernels::cuda::testing
