#include <numeric>

#include "cases.h"
#include "kernels/cuda/sampling.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

// The likeliest tokens that together have a share top_p, by sorting.
std::vector<bool> nucleus(const std::vector<double>& p, double top_p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] > p[b]; });
  std::vector<bool> kept(p.size());
  double sum = 0;
  for (const size_t i : order) {
    if (sum >= top_p) break;
    kept[i] = true;
    sum += p[i];
  }
  return kept;
}

// Whether `token` is where the running sum passes uniform, allowing for the rounding of sums.
double distance_from_turn(const std::vector<double>& p, const std::vector<bool>& kept,
                          double uniform, size_t token) {
  if (!kept[token]) return 1;
  double total = 0, before = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (!kept[i]) continue;
    total += p[i];
    if (i < token) before += p[i];
  }
  return std::max({0.0, before / total - uniform, uniform - (before + p[token]) / total});
}

Outcome run(Random& random, bool greedy) {
  const size_t rows = size_up_to(random, 3), n = size_up_to(random, 1500),
               ld = stride_for(random, n);
  auto logits = random.normals(extent(rows, ld, n));
  for (float& logit : logits) logit = std::round(logit * 3 * 64) / 64;  // some are equal
  const float temperature = greedy ? 0 : random.uniform(0.3f, 1.5f),
              top_p = random.integer(0, 1) ? 1 : random.uniform(0.05f, 0.95f);
  const auto uniform = uniforms(random, rows, 0, 1);
  DeviceBuffer<float> device_logits("logits", logits),
      device_uniform("uniform", greedy ? std::vector<float>() : uniform);
  DeviceBuffer<Choice> choice("choice", rows);
  sample(nullptr, {rows, n, device_logits.data(), ld, temperature, top_p, device_uniform.data(),
                   choice.data()});

  Outcome outcome;
  const auto choices = choice.values();
  for (size_t t = 0; t < rows; ++t) {
    const float* row = &logits[t * ld];
    const auto token = static_cast<size_t>(choices[t].token);
    const double log_prob = row[std::min(token, n - 1)] - reference::log_sum_exp(n, row);
    outcome.compare(choices[t].log_prob, log_prob, 1e-5 * (1 - log_prob));
    if (greedy || token >= n) {
      outcome.compare(static_cast<double>(token), static_cast<double>(reference::argmax(n, row)),
                      0);
      continue;
    }
    std::vector<float> soft(n);
    reference::softmax(n, row, temperature, soft.data());
    const std::vector<double> p(soft.begin(), soft.end());
    // The device keeps all tokens that are as likely as the last one kept.
    auto kept = nucleus(p, top_p);
    double least = 1;
    for (size_t i = 0; i < n; ++i)
      if (kept[i]) least = std::min(least, p[i]);
    for (size_t i = 0; i < n; ++i) kept[i] = top_p == 1 || p[i] >= least;
    outcome.compare(distance_from_turn(p, kept, static_cast<double>(uniform[t]), token), 0, 1e-5);
  }
  return outcome;
}

}  // namespace

std::vector<Case> sampling_cases() {
  return {{"sample, the greatest", [](Random& r) { return run(r, true); }},
          {"sample, by probability", [](Random& r) { return run(r, false); }}};
}

}  // namespace stateline::kernels::cuda::testing
