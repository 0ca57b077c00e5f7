#include "kernels/delta.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace stateline::kernels::reference {
namespace {

// One token through S [K, V]; the written value into u [V].
void step(const SsdArguments& s, size_t h, size_t t, std::vector<double>& S,
          std::vector<double>& u) {
  const double decay = std::exp(static_cast<double>(s.a[t * s.lda + h]));
  const float* q = s.q + t * s.ldq + h / s.heads_per_key * s.K;
  const float* k = s.k + t * s.ldk + h / s.heads_per_key * s.K;
  for (double& cell : S) cell *= decay;
  for (size_t d = 0; d < s.V; ++d) {
    double r = 0, y = 0;
    for (size_t c = 0; c < s.K; ++c) r += S[c * s.V + d] * k[c];
    u[d] = s.dt[t * s.lda + h] * (static_cast<double>(s.v[t * s.ldv + h * s.V + d]) - r);
    for (size_t c = 0; c < s.K; ++c) {
      S[c * s.V + d] += k[c] * u[d];
      y += S[c * s.V + d] * q[c];
    }
    s.y[t * s.ldy + h * s.V + d] = static_cast<float>(y * s.scale);
  }
}

}  // namespace

void delta(ThreadPool&, const SsdArguments& s) {
  std::vector<double> u(s.V);
  for (size_t i = 0; i < s.heads; ++i) {
    float* state = s.state + i * s.K * s.V;
    std::vector<double> S(state, state + s.K * s.V);
    for (size_t t = 0; t < s.tokens; ++t) step(s, s.head[i], t, S, u);
    for (size_t e = 0; e < S.size(); ++e) state[e] = static_cast<float>(S[e]);
  }
}

void delta_log(ThreadPool& pool, const LogArguments& arguments) {
  const SsdArguments& s = arguments.rows;
  std::vector<float> state(s.heads * s.K * s.V);
  log_fold(pool, {s.heads, s.heads_per_key, s.K, s.V, arguments.base, arguments.part,
                  arguments.held, state.data()});
  std::vector<double> u(s.V);
  for (size_t i = 0; i < s.heads; ++i) {
    const size_t h = s.head[i];
    const LogView log = log_view(arguments.part, i, s.heads_per_key, s.K, s.V);
    const float* before = state.data() + i * s.K * s.V;
    std::vector<double> S(before, before + s.K * s.V);
    for (size_t t = 0; t < s.tokens; ++t) {
      const size_t place = arguments.held + t;
      step(s, h, t, S, u);
      log.cumulative[place] =
          (place == 0 ? 0 : log.cumulative[place - 1]) + static_cast<double>(s.a[t * s.lda + h]);
      std::copy_n(s.k + t * s.ldk + h / s.heads_per_key * s.K, s.K, log.k + place * s.K);
      for (size_t d = 0; d < s.V; ++d) log.u[place * s.V + d] = static_cast<float>(u[d]);
    }
  }
}

}  // namespace stateline::kernels::reference
