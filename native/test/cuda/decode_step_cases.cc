#include "cases.h"
#include "kernels/cuda/decode_step.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

constexpr float kEps = 1e-5f;

struct Layer {
  size_t H, K, V, C;
  std::vector<uint32_t> head;
  std::vector<float> u, conv_weight, conv_bias, history, q_norm, k_norm, dt_bias, A_log, D,
      out_norm, state, y;

  Layer(Random& random, size_t max_V)
      : H(static_cast<size_t>(random.integer(1, 4))),
        K(size_up_to(random, 128)),
        V(size_up_to(random, max_V)),
        C(H * (2 * K + V)),
        u(bf16_normals(random, C + H * V + H)),
        conv_weight(random.normals(kConvWidth * C)),
        conv_bias(random.normals(C)),
        history(bf16_normals(random, kConvHistory * C)),
        q_norm(random.normals(H * K)),
        k_norm(random.normals(H * K)),
        dt_bias(random.normals(H)),
        A_log(random.normals(H)),
        D(random.normals(H)),
        out_norm(random.normals(H * V)),
        y(H * V) {
    for (uint32_t h = static_cast<uint32_t>(H); h-- > 0;)
      if (head.empty() || random.integer(0, 2)) head.push_back(h);
    state = random.normals(head.size() * K * V);
  }

  bool runs(size_t h) const { return std::find(head.begin(), head.end(), h) != head.end(); }

  // The reference kernels one after another, in place.
  void step() {
    ThreadPool pool(1);
    std::vector<float> qkv(C), dt(H), a(H), log_dt(H);
    reference::causal_conv(pool, {1, C, u.data(), C, conv_weight.data(), conv_bias.data(),
                                  history.data(), qkv.data(), C});
    float *q = qkv.data(), *k = q + H * K, *v = k + H * K, *z = u.data() + C;
    reference::rms_norm(1, H, K, q, C, q_norm.data(), kEps, q, C);
    reference::rms_norm(1, H, K, k, C, k_norm.data(), kEps, k, C);
    reference::discretise(
        {1, H, z + H * V, H, dt_bias.data(), A_log.data(), dt.data(), a.data(), log_dt.data()});
    reference::ssd_step(
        pool, {1, head.size(), head.data(), K, V, q, C, k, C, v, C, a.data(), dt.data(), H,
               1 / std::sqrt(static_cast<float>(K)), state.data(), y.data(), H * V});
    reference::add_scaled(1, H, V, D.data(), v, C, y.data(), H * V);
    reference::rms_norm(1, H, V, y.data(), H * V, out_norm.data(), kEps, y.data(), H * V);
    reference::sigmoid_mul(pool, 1, H * V, z, H * V, y.data(), H * V, y.data(), H * V);
  }
};

Outcome run(Random& random, size_t max_V) {
  Layer layer(random, max_V);
  DeviceBuffer<uint32_t> head("head", layer.head);
  DeviceBuffer<bf16> u("u", narrow_all(layer.u)), y("y", layer.y.size());
  DeviceBuffer<float> conv_weight("conv_weight", layer.conv_weight),
      conv_bias("conv_bias", layer.conv_bias), history("history", layer.history),
      next_history("next_history", layer.history.size()), q_norm("q_norm", layer.q_norm),
      k_norm("k_norm", layer.k_norm), dt_bias("dt_bias", layer.dt_bias),
      A_log("A_log", layer.A_log), D("D", layer.D), out_norm("out_norm", layer.out_norm),
      state("state", layer.state), next_state("next_state", layer.state.size());
  decode_step(nullptr, {.H = layer.H,
                        .heads = layer.head.size(),
                        .head = head.data(),
                        .K = layer.K,
                        .V = layer.V,
                        .u = u.data(),
                        .conv_weight = conv_weight.data(),
                        .conv_bias = conv_bias.data(),
                        .history = history.data(),
                        .next_history = next_history.data(),
                        .q_norm = q_norm.data(),
                        .k_norm = k_norm.data(),
                        .dt_bias = dt_bias.data(),
                        .A_log = A_log.data(),
                        .D = D.data(),
                        .out_norm = out_norm.data(),
                        .eps = kEps,
                        .state = state.data(),
                        .next_state = next_state.data(),
                        .y = y.data()});
  layer.step();

  Outcome outcome;
  const auto actual = widen_all(y.values()), actual_state = next_state.values(),
             carried = next_history.values();
  const double weight = kernels::testing::largest(layer.out_norm),
               state_bound = 1e-5 * kernels::testing::largest(layer.state);
  for (const uint32_t h : layer.head) {
    for (size_t i = h * layer.V; i < (h + 1) * layer.V; ++i)
      outcome.compare(actual[i], layer.y[i], (std::fabs(layer.y[i]) + 0.01 * weight) / 128);
    for (size_t w = 0; w < kConvHistory; ++w) {
      const auto same = [&](size_t begin, size_t count) {
        for (size_t i = w * layer.C + begin; i < w * layer.C + begin + count; ++i)
          outcome.compare(carried[i], layer.history[i], 0);
      };
      same(h * layer.K, layer.K);
      same((layer.H + h) * layer.K, layer.K);
      same(2 * layer.H * layer.K + h * layer.V, layer.V);
    }
  }
  for (size_t i = 0; i < layer.state.size(); ++i)
    outcome.compare(actual_state[i], layer.state[i], state_bound);
  return outcome;
}

}  // namespace

std::vector<Case> decode_step_cases() {
  return {{"decode_step, V to 32", [](Random& r) { return run(r, 32); }},
          {"decode_step, V to 64", [](Random& r) { return run(r, 64); }},
          {"decode_step, V to 128", [](Random& r) { return run(r, 128); }}};
}

}  // namespace stateline::kernels::cuda::testing
