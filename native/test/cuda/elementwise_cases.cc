#include "cases.h"
#include "kernels/cuda/elementwise.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

// Whatever a gate may be of: with a product or alone, a gate a row, a result in f32.
Outcome run_gate(Random& random) {
  const size_t rows = size_up_to(random, 5), width = size_up_to(random, 100);
  const bool plain = random.integer(0, 1), alone = !plain && random.integer(0, 2) == 0,
             one_gate = !plain && random.integer(0, 1), wide = !plain && random.integer(0, 1);
  const auto f = random.integer(0, 1) ? Activation::silu : Activation::sigmoid;
  const size_t gates = one_gate ? 1 : width, ldg = stride_for(random, gates),
               ldu = stride_for(random, width), ldy = stride_for(random, width);
  const auto g = bf16_normals(random, extent(rows, ldg, gates)),
             up = bf16_normals(random, alone ? 0 : extent(rows, ldu, width));
  const size_t count = extent(rows, ldy, width);
  DeviceBuffer<bf16> device_gate("gate", narrow_all(g)), device_up("up", narrow_all(up)),
      y("y", wide ? 0 : count);
  DeviceBuffer<float> wide_y("wide y", wide ? count : 0);
  gate(nullptr, {.f = f,
                 .rows = rows,
                 .width = width,
                 .gate = device_gate.data(),
                 .ldg = ldg,
                 .up = alone ? nullptr : device_up.data(),
                 .ldu = ldu,
                 .y = wide ? nullptr : y.data(),
                 .wide_y = wide ? wide_y.data() : nullptr,
                 .ldy = ldy,
                 .one_gate = one_gate});
  Outcome outcome;
  const auto actual = wide ? wide_y.values() : widen_all(y.values());
  for (size_t t = 0; t < rows; ++t) {
    for (size_t i = 0; i < width; ++i) {
      const double x = g[t * ldg + (one_gate ? 0 : i)], share = 1 / (1 + std::exp(-x));
      const double expected = (f == Activation::silu ? x * share : share) *
                              (alone ? 1 : static_cast<double>(up[t * ldu + i]));
      outcome.compare(actual[t * ldy + i], expected, std::fabs(expected) / 256 + 1e-6);
    }
  }
  return outcome;
}

Outcome run_discretise(Random& random) {
  const size_t rows = size_up_to(random, 40), heads = size_up_to(random, 9),
               ldu = stride_for(random, heads), count = rows * heads;
  const bool logarithms = random.integer(0, 1);
  const float least = random.integer(0, 1) ? 0 : 0.2f,
              most = random.integer(0, 1) ? INFINITY : 1.5f;
  const auto u = bf16_normals(random, extent(rows, ldu, heads)), bias = random.normals(heads),
             A_log = random.normals(heads);
  std::vector<float> dt(count), a(count), log_dt(count);
  reference::discretise({.rows = rows,
                         .heads = heads,
                         .u = u.data(),
                         .ldu = ldu,
                         .bias = bias.data(),
                         .A_log = A_log.data(),
                         .dt = dt.data(),
                         .a = a.data(),
                         .log_dt = log_dt.data(),
                         .dt_min = least,
                         .dt_max = most});
  DeviceBuffer<bf16> device_u("u", narrow_all(u));
  DeviceBuffer<float> device_bias("bias", bias), device_A("A_log", A_log), y_dt("dt", count),
      y_a("a", count), y_log("log_dt", logarithms ? count : 0);
  discretise(nullptr, {rows, heads, device_u.data(), ldu, device_bias.data(), device_A.data(),
                       y_dt.data(), y_a.data(), logarithms ? y_log.data() : nullptr, least, most});
  Outcome outcome;
  const auto actual_dt = y_dt.values(), actual_a = y_a.values(), actual_log = y_log.values();
  for (size_t i = 0; i < count; ++i) {
    outcome.compare(actual_dt[i], dt[i], 1e-5 * dt[i]);
    outcome.compare(actual_a[i], a[i], 1e-5 * std::fabs(a[i]));
    if (logarithms) outcome.compare(actual_log[i], log_dt[i], 1e-5);
  }
  return outcome;
}

}  // namespace

std::vector<Case> elementwise_cases() {
  return {{"gate", run_gate}, {"discretise", run_discretise}};
}

}  // namespace stateline::kernels::cuda::testing
