#include "cases.h"
#include "kernels/cuda/ssd.cuh"
#include "kernels/delta.h"

namespace stateline::kernels::cuda::testing {
namespace {

using Kernel = void(cudaStream_t, const SsdArguments&);

// So much of the greatest y, of a y itself, and of the greatest state.
struct Tolerance {
  double of_largest, of_y, of_state;
};
constexpr Tolerance kPrefill{1.0 / 64, 0, 1.0 / 64}, kStep{1e-5, 1.0 / 256, 1e-5},
    kRecurrence{5e-5, 1.0 / 256, 5e-5};

// Rows of the length 1, as the delta rule wants its keys.
void make_units(std::vector<float>& rows, size_t width) {
  for (size_t begin = 0; begin + width <= rows.size(); begin += width) {
    float squares = 0;
    for (size_t i = begin; i < begin + width; ++i) squares += rows[i] * rows[i];
    for (size_t i = begin; i < begin + width; ++i)
      rows[i] = widen(narrow(rows[i] / std::sqrt(squares + 1e-6f)));
  }
}

// A layer of 6 heads of which 2 run, or 4 whose keys runs of two share; now and then a decay that
// forgets nearly all.
Outcome run(Random& random, Kernel* kernel, size_t L, const Tolerance& tolerance, size_t max_K,
            size_t max_V, bool delta = false) {
  constexpr size_t H = 6;
  const uint32_t heads_per_key = random.integer(0, 1) ? 1 : 2;
  std::vector<uint32_t> head{static_cast<uint32_t>(random.integer(2, 5)),
                             static_cast<uint32_t>(random.integer(0, 1))};
  if (heads_per_key == 2) head = {4, 5, 0, 1};
  const size_t K = size_up_to(random, max_K), V = size_up_to(random, max_V);
  const size_t keys = H / heads_per_key * K;
  const size_t ldk = delta ? keys : stride_for(random, keys), ldv = stride_for(random, H * V);
  const float mean_decay = random.integer(0, 2) ? 0.02f : 1.0f;
  const auto q = bf16_normals(random, extent(L, ldk, keys)),
             v = bf16_normals(random, extent(L, ldv, H * V));
  auto k = bf16_normals(random, extent(L, ldk, keys));
  if (delta) make_units(k, K);
  auto a = uniforms(random, L * H, -2 * mean_decay, 0);
  for (float& value : a)
    if (random.integer(0, 60) == 0) value = -60;
  const auto dt = uniforms(random, L * H, 0.001f, delta ? 1 : 0.2f);
  auto state = random.normals(head.size() * K * V);
  const float scale = 1 / std::sqrt(static_cast<float>(K));

  DeviceBuffer<uint32_t> device_head("head", head);
  DeviceBuffer<bf16> device_q("q", narrow_all(q)), device_k("k", narrow_all(k)),
      device_v("v", narrow_all(v)), device_y("y", v.size());
  DeviceBuffer<float> device_a("a", a), device_dt("dt", dt), device_state("state", state),
      next("next_state", state.size()),
      workspace("workspace",
                kernel == ssd_prefill ? ssd_workspace_floats(L, head.size(), K, V) : 0);
  kernel(nullptr, {.tokens = L,
                   .heads = head.size(),
                   .head = device_head.data(),
                   .heads_per_key = heads_per_key,
                   .K = K,
                   .V = V,
                   .q = device_q.data(),
                   .ldq = ldk,
                   .k = device_k.data(),
                   .ldk = ldk,
                   .v = device_v.data(),
                   .ldv = ldv,
                   .a = device_a.data(),
                   .dt = device_dt.data(),
                   .lda = H,
                   .scale = scale,
                   .state = device_state.data(),
                   .next_state = next.data(),
                   .workspace = workspace.data(),
                   .y = device_y.data(),
                   .ldy = ldv,
                   .delta = delta});

  std::vector<float> y(v.size());
  ThreadPool pool(1);
  (delta ? reference::delta : reference::ssd_prefill)(
      pool, {L, head.size(), head.data(), K, V, q.data(), ldk, k.data(), ldk, v.data(), ldv,
             a.data(), dt.data(), H, scale, state.data(), y.data(), ldv, heads_per_key});
  Outcome outcome;
  const auto actual = widen_all(device_y.values()), actual_state = next.values();
  const double bound = kernels::testing::largest(y) * tolerance.of_largest,
               state_bound = kernels::testing::largest(state) * tolerance.of_state;
  for (size_t t = 0; t < L; ++t) {
    for (const uint32_t h : head) {
      for (size_t i = t * ldv + h * V; i < t * ldv + (h + 1) * V; ++i)
        outcome.compare(actual[i], y[i], bound + std::fabs(y[i]) * tolerance.of_y);
    }
  }
  for (size_t i = 0; i < state.size(); ++i) outcome.compare(actual_state[i], state[i], state_bound);
  return outcome;
}

}  // namespace

std::vector<Case> ssd_cases() {
  std::vector<Case> cases;
  const auto add = [&](size_t K, size_t V) {
    cases.push_back(
        {"ssd_prefill, " + std::to_string(K) + " x " + std::to_string(V), [=](Random& random) {
           const size_t tokens = size_up_to(random, 200);
           return run(random, ssd_prefill, tokens, kPrefill, K, V);
         }});
  };
  add(64, 32), add(64, 64), add(128, 128);
  cases.push_back({"ssd_step", [](Random& random) {
                     return run(random, ssd_step, 1, kStep, kMaxTileDim, kMaxTileDim);
                   }});
  const auto step_by_step = [&](const std::string& name, size_t K, bool delta) {
    cases.push_back({name, [=](Random& random) {
                       const size_t tokens = size_up_to(random, 12);
                       return run(random, recurrence, tokens, kRecurrence, K, 80, delta);
                     }});
  };
  step_by_step("recurrence, 256", kMaxKeyDim, false);
  step_by_step("delta rule, 128", kMaxTileDim, true);
  step_by_step("delta rule, 256", kMaxKeyDim, true);
  return cases;
}

}  // namespace stateline::kernels::cuda::testing
