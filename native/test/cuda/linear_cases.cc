#include "cases.h"
#include "kernels/cuda/linear.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

enum class Target { narrow, wide, added };

// A tile of 0 is the gemv.
Outcome run(Random& random, WeightFormat format, int tile) {
  const size_t m = tile ? size_up_to(random, 140) : 1, n = size_up_to(random, 140),
               k = size_up_to(random, tile ? 100 : 700);
  const size_t ldx = stride_for(random, k), ldy = stride_for(random, n);
  const auto target = static_cast<Target>(random.integer(0, 2));
  const auto x = bf16_normals(random, extent(m, ldx, k));
  const PackedWeights packed = pack_weights(format, random.normals(n * k).data(), n, k);
  const auto W = unpack_weights(format, packed, n, k);
  const auto start = random.normals(extent(m, ldy, n));
  const auto bias = random.normals(random.integer(0, 1) ? n : 0);
  const float factor = random.integer(0, 1) ? 1 : random.uniform(-2, 2);

  DeviceBuffer<bf16> device_x("x", narrow_all(x)), group_scale("group_scale", packed.group_scale),
      y_narrow("y", target == Target::narrow ? start.size() : 0);
  DeviceBuffer<std::byte> values("values", packed.values);
  DeviceBuffer<float> scale("scale", packed.scale), device_bias("bias", bias);
  const bool wide = target != Target::narrow;
  DeviceBuffer<float> y_wide("y", wide ? start : std::vector<float>());
  const LinearArguments s{
      {format, n, k, values.data(), scale.data(), group_scale.data()},
      m,
      device_x.data(),
      ldx,
      {wide ? nullptr : y_narrow.data(), y_wide.data(), target == Target::added, ldy},
      factor,
      bias.empty() ? nullptr : device_bias.data()};
  tile ? gemm(nullptr, s, tile) : gemv(nullptr, s);

  Outcome outcome;
  const auto actual = wide ? y_wide.values() : widen_all(y_narrow.values());
  for (size_t t = 0; t < m; ++t) {
    for (size_t row = 0; row < n; ++row) {
      double sum = (target == Target::added ? static_cast<double>(start[t * ldy + row]) : 0) +
                   (bias.empty() ? 0 : static_cast<double>(bias[row])),
             size = std::fabs(sum);
      for (size_t c = 0; c < k; ++c) {
        const double product = static_cast<double>(x[t * ldx + c]) * W[row * k + c] * factor;
        sum += product;
        size += std::fabs(product);
      }
      const bool rounded = tile && format == WeightFormat::int4;
      outcome.compare(actual[t * ldy + row], sum,
                      size * (rounded ? 1.0 / 256 : 2e-5) + (wide ? 0 : std::fabs(sum) / 256));
    }
  }
  return outcome;
}

}  // namespace

std::vector<Case> linear_cases() {
  std::vector<Case> cases;
  const std::pair<WeightFormat, std::string> formats[] = {
      {WeightFormat::bf16, "bf16"}, {WeightFormat::int8, "int8"}, {WeightFormat::int4, "int4"}};
  for (const auto& [format, name] : formats) {
    for (const int tile : {0, 64, 128}) {
      cases.push_back({(tile ? "gemm " + std::to_string(tile) : "gemv") + ", " + name,
                       [=](Random& random) { return run(random, format, tile); }});
    }
  }
  return cases;
}

}  // namespace stateline::kernels::cuda::testing
