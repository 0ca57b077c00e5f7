#include "cases.h"
#include "kernels/cuda/elementwise.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

Outcome run_silu_mul(Random& random) {
  const size_t rows = size_up_to(random, 5), width = size_up_to(random, 100);
  const size_t ldx = stride_for(random, 2 * width), ldy = stride_for(random, width);
  const auto x = bf16_normals(random, extent(rows, ldx, 2 * width));
  std::vector<float> expected(extent(rows, ldy, width));
  ThreadPool pool(1);
  reference::silu_mul(pool, rows, width, x.data(), ldx, x.data() + width, ldx, expected.data(),
                      ldy);
  DeviceBuffer<bf16> both("gate and up", narrow_all(x)), y("y", expected.size());
  silu_mul(nullptr, {rows, width, both.data(), ldx, both.data() + width, ldx, y.data(), ldy});
  Outcome outcome;
  const auto actual = widen_all(y.values());
  for (size_t t = 0; t < rows; ++t) {
    for (size_t i = t * ldy; i < t * ldy + width; ++i)
      outcome.compare(actual[i], expected[i], std::fabs(expected[i]) / 256 + 1e-6);
  }
  return outcome;
}

Outcome run_discretise(Random& random) {
  const size_t rows = size_up_to(random, 40), heads = size_up_to(random, 9),
               ldu = stride_for(random, heads), count = rows * heads;
  const auto u = bf16_normals(random, extent(rows, ldu, heads)), bias = random.normals(heads),
             A_log = random.normals(heads);
  std::vector<float> dt(count), a(count), log_dt(count);
  reference::discretise(
      {rows, heads, u.data(), ldu, bias.data(), A_log.data(), dt.data(), a.data(), log_dt.data()});
  DeviceBuffer<bf16> device_u("u", narrow_all(u));
  DeviceBuffer<float> device_bias("bias", bias), device_A("A_log", A_log), y_dt("dt", count),
      y_a("a", count), y_log("log_dt", count);
  discretise(nullptr, {rows, heads, device_u.data(), ldu, device_bias.data(), device_A.data(),
                       y_dt.data(), y_a.data(), y_log.data()});
  Outcome outcome;
  const auto actual_dt = y_dt.values(), actual_a = y_a.values(), actual_log = y_log.values();
  for (size_t i = 0; i < count; ++i) {
    outcome.compare(actual_dt[i], dt[i], 1e-5 * dt[i]);
    outcome.compare(actual_a[i], a[i], 1e-5 * std::fabs(a[i]));
    outcome.compare(actual_log[i], log_dt[i], 1e-5);
  }
  return outcome;
}

Outcome run_gate_norm(Random& random) {
  const size_t rows = size_up_to(random, 4), H = size_up_to(random, 4), V = size_up_to(random, 128),
               width = H * V;
  const size_t ldv = stride_for(random, width), ldz = stride_for(random, width),
               ldy = stride_for(random, width);
  const float eps = 1e-5f;
  const auto D = random.normals(H), weight = random.normals(width),
             v = bf16_normals(random, extent(rows, ldv, width)),
             z = bf16_normals(random, extent(rows, ldz, width));
  auto y = bf16_normals(random, extent(rows, ldy, width));
  DeviceBuffer<float> device_D("D", D), device_weight("weight", weight);
  DeviceBuffer<bf16> device_v("v", narrow_all(v)), device_z("z", narrow_all(z)),
      device_y("y", narrow_all(y));
  gate_norm(nullptr, {rows, H, V, device_D.data(), device_v.data(), ldv, device_weight.data(), eps,
                      device_z.data(), ldz, device_y.data(), ldy});
  ThreadPool pool(1);
  reference::add_scaled(rows, H, V, D.data(), v.data(), ldv, y.data(), ldy);
  reference::rms_norm(rows, H, V, y.data(), ldy, weight.data(), eps, y.data(), ldy);
  reference::sigmoid_mul(pool, rows, width, z.data(), ldz, y.data(), ldy, y.data(), ldy);
  Outcome outcome;
  const auto actual = widen_all(device_y.values());
  for (size_t t = 0; t < rows; ++t) {
    for (size_t i = t * ldy; i < t * ldy + width; ++i)
      outcome.compare(actual[i], y[i], (std::fabs(y[i]) + 0.01) / 128);
  }
  return outcome;
}

}  // namespace

std::vector<Case> elementwise_cases() {
  return {{"silu_mul", run_silu_mul}, {"discretise", run_discretise}, {"gate_norm", run_gate_norm}};
}

}  // namespace stateline::kernels::cuda::testing
