#include "kernels/ssd.h"

#include <cmath>
#include <vector>

namespace stateline::kernels::reference {

void ssd_prefill(ThreadPool&, const SsdArguments& s) {
  std::vector<double> S(s.K * s.V);
  for (size_t i = 0; i < s.heads; ++i) {
    const size_t h = s.head[i];
    float* state = s.state + i * s.K * s.V;
    for (size_t e = 0; e < S.size(); ++e) S[e] = state[e];
    for (size_t t = 0; t < s.tokens; ++t) {
      const double decay = std::exp(static_cast<double>(s.a[t * s.lda + h]));
      const double dt = s.dt[t * s.lda + h];
      const float* q = s.q + t * s.ldq + h / s.heads_per_key * s.K;
      const float* k = s.k + t * s.ldk + h / s.heads_per_key * s.K;
      const float* v = s.v + t * s.ldv + h * s.V;
      for (size_t d = 0; d < s.V; ++d) {
        double y = 0;
        for (size_t c = 0; c < s.K; ++c) {
          double& cell = S[c * s.V + d];
          cell = decay * cell + dt * k[c] * v[d];
          y += cell * q[c];
        }
        const double skip = s.D == nullptr ? 0 : static_cast<double>(s.D[h]) * v[d];
        s.y[t * s.ldy + h * s.V + d] = static_cast<float>(y * s.scale + skip);
      }
    }
    for (size_t e = 0; e < S.size(); ++e) state[e] = static_cast<float>(S[e]);
  }
}

void ssd_step(ThreadPool& pool, const SsdArguments& s) { ssd_prefill(pool, s); }

}  // namespace stateline::kernels::reference
