#include "kernels/recurrent_log.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace stateline::kernels::reference {
namespace {

// S [K, V] of a head after the first `tokens` of its part.
std::vector<double> state_after(const float* base, const LogView& log, size_t tokens, size_t K,
                                size_t V) {
  std::vector<double> S(base, base + K * V);
  const double end = tokens == 0 ? 0 : log.cumulative[tokens - 1];
  for (double& cell : S) cell *= std::exp(end);
  for (size_t j = 0; j < tokens; ++j) {
    const double decay = std::exp(end - log.cumulative[j]);
    for (size_t c = 0; c < K; ++c) {
      for (size_t d = 0; d < V; ++d) S[c * V + d] += decay * log.k[j * K + c] * log.u[j * V + d];
    }
  }
  return S;
}

void append(const SsdArguments& s, const LogView& log, size_t h, size_t t, size_t place) {
  const double before = place == 0 ? 0 : log.cumulative[place - 1];
  log.cumulative[place] = before + static_cast<double>(s.a[t * s.lda + h]);
  const float* k = s.k + t * s.ldk + h / s.heads_per_key * s.K;
  std::copy_n(k, s.K, log.k + place * s.K);
  for (size_t d = 0; d < s.V; ++d)
    log.u[place * s.V + d] = s.dt[t * s.lda + h] * s.v[t * s.ldv + h * s.V + d];
}

void read(const SsdArguments& s, const std::vector<double>& S, size_t h, size_t t) {
  const float* q = s.q + t * s.ldq + h / s.heads_per_key * s.K;
  for (size_t d = 0; d < s.V; ++d) {
    double y = s.D == nullptr ? 0 : static_cast<double>(s.D[h]) * s.v[t * s.ldv + h * s.V + d];
    for (size_t c = 0; c < s.K; ++c) y += S[c * s.V + d] * q[c] * static_cast<double>(s.scale);
    s.y[t * s.ldy + h * s.V + d] = static_cast<float>(y);
  }
}

}  // namespace

void ssd_log(ThreadPool&, const LogArguments& arguments) {
  const SsdArguments& s = arguments.rows;
  for (size_t i = 0; i < s.heads; ++i) {
    const LogView log = log_view(arguments.part, i, s.heads_per_key, s.K, s.V);
    const float* base = arguments.base + i * s.K * s.V;
    for (size_t t = 0; t < s.tokens; ++t) {
      append(s, log, s.head[i], t, arguments.held + t);
      read(s, state_after(base, log, arguments.held + t + 1, s.K, s.V), s.head[i], t);
    }
  }
}

void log_fold(ThreadPool&, const FoldArguments& s) {
  for (size_t i = 0; i < s.heads; ++i) {
    const LogView log = log_view(const_cast<std::byte*>(s.part), i, s.heads_per_key, s.K, s.V);
    const auto S = state_after(s.base + i * s.K * s.V, log, s.tokens, s.K, s.V);
    for (size_t e = 0; e < S.size(); ++e) s.state[i * s.K * s.V + e] = static_cast<float>(S[e]);
  }
}

}  // namespace stateline::kernels::reference
