#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace stateline::kernels::reference {
namespace {

SlotView slot_of(const AttentionArguments& s, size_t i, uint64_t position) {
  const std::byte* page = s.pages[(position - s.first_position) / kPageTokens];
  return slot_view(
      const_cast<std::byte*>(page) + s.offset + i / s.heads_per_key * slot_bytes(s.K, s.V), s.K);
}

double score(const AttentionArguments& s, size_t i, const float* q, uint64_t query,
             uint64_t position) {
  const SlotView keys = slot_of(s, i, position);
  const size_t j = position % kPageTokens;
  double dot = 0;
  for (size_t c = 0; c < s.K; ++c) dot += static_cast<double>(q[c]) * keys.k[c * kPageTokens + j];
  const double decay = slot_of(s, i, query).cumulative[query % kPageTokens] - keys.cumulative[j];
  return dot * s.query_scale[s.head[i]] + decay + keys.log_dt[j];
}

}  // namespace

void attention(ThreadPool&, const AttentionArguments& s) {
  for (size_t i = 0; i < s.heads; ++i) {
    for (size_t t = 0; t < s.tokens; ++t) {
      const uint64_t query = s.first_query + t;
      const uint64_t oldest = s.window == 0 || query + 1 < s.window ? 0 : query + 1 - s.window;
      const uint64_t begin = std::max(s.first_position, oldest);
      const float* q = s.q + t * s.ldq + s.head[i] * s.K;
      std::vector<double> weights;
      for (uint64_t j = begin; j <= query; ++j) weights.push_back(score(s, i, q, query, j));
      const double top = *std::max_element(weights.begin(), weights.end());
      double total = 0;
      for (double& w : weights) total += w = std::exp(w - top);
      for (size_t d = 0; d < s.V; ++d) {
        double y = 0;
        for (uint64_t j = begin; j <= query; ++j) {
          y += weights[j - begin] * slot_of(s, i, j).v[j % kPageTokens * s.V + d];
        }
        s.y[t * s.ldy + s.head[i] * s.V + d] = static_cast<float>(y / total);
      }
    }
  }
}

}  // namespace stateline::kernels::reference
