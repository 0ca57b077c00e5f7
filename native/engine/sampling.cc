#include "engine/sampling.h"

#include <algorithm>
#include <cmath>

#include "engine/likeliest.h"

namespace stateline::engine {

Sampler::Sampler(const SamplingOptions& options, const Model& model)
    : options_(options), kernels_(model.kernels()), random_(options.seed) {
  candidates_.reserve(model.plan().vocab_size);
}

Sample Sampler::sample(std::span<const float> logits, std::span<const std::int32_t> allowed) {
  candidates_.clear();
  return allowed.empty() ? sample_all(logits) : sample_allowed(logits, allowed);
}

Sample Sampler::sample_all(std::span<const float> logits) {
  const std::size_t best = kernels_.argmax(logits.size(), logits.data());
  const float norm = kernels_.log_sum_exp(logits.size(), logits.data());
  if (options_.temperature <= 0) return {static_cast<std::int32_t>(best), logits[best] - norm};
  for (std::size_t i = 0; i < logits.size(); ++i)
    candidates_.push_back({0, static_cast<std::int32_t>(i)});
  const std::int32_t token = sample_candidates(logits[best], logits);
  return {token, logits[static_cast<std::size_t>(token)] - norm};
}

// The log-probability is that of the constrained distribution.
Sample Sampler::sample_allowed(std::span<const float> logits,
                               std::span<const std::int32_t> allowed) {
  const auto logit = [&](std::int32_t id) { return logits[static_cast<std::size_t>(id)]; };
  std::int32_t best = allowed[0];
  for (const std::int32_t id : allowed)
    if (logit(id) > logit(best) || std::isnan(logit(best))) best = id;
  float sum = 0;
  for (const std::int32_t id : allowed) sum += std::exp(logit(id) - logit(best));
  const float norm = logit(best) + std::log(sum);
  if (options_.temperature <= 0) return {best, logit(best) - norm};
  for (const std::int32_t id : allowed) candidates_.push_back({0, id});
  const std::int32_t token = sample_candidates(logit(best), logits);
  return {token, logit(token) - norm};
}

// Takes the likeliest candidates one by one off a heap until they hold top_p of the whole.
std::int32_t Sampler::sample_candidates(float max_logit, std::span<const float> logits) {
  double total = 0;
  for (Candidate& candidate : candidates_) {
    const float logit = logits[static_cast<std::size_t>(candidate.token)];
    const float weight = std::exp((logit - max_logit) / options_.temperature);
    candidate.weight = std::isfinite(weight) ? weight : 0;
    total += static_cast<double>(candidate.weight);
  }
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight < b.weight : a.token > b.token;
  };
  std::make_heap(candidates_.begin(), candidates_.end(), likelier);
  const double wanted = total * std::clamp(static_cast<double>(options_.top_p), 0.0, 1.0);
  double kept = 0;
  auto end = candidates_.end();
  while (end != candidates_.begin()) {
    std::pop_heap(candidates_.begin(), end, likelier);
    --end;
    kept += static_cast<double>(end->weight);
    if (kept >= wanted) break;
  }
  double point = uniform() * kept;
  for (auto it = candidates_.end(); it != end;) {
    --it;
    point -= static_cast<double>(it->weight);
    if (point < 0) return it->token;
  }
  return candidates_.back().token;  // the likeliest: only rounding leads here
}

std::vector<Sample> Sampler::likeliest(std::span<const float> logits, std::size_t count,
                                       std::span<const std::int32_t> allowed) const {
  std::vector<float> of_allowed;
  for (const std::int32_t token : allowed)
    of_allowed.push_back(logits[static_cast<std::size_t>(token)]);
  const std::span<const float> all = allowed.empty() ? logits : of_allowed;
  const float norm = kernels_.log_sum_exp(all.size(), all.data());
  std::vector<Sample> best;
  for (const std::int32_t place : engine::likeliest(all, count)) {
    const auto i = static_cast<std::size_t>(place);
    best.push_back({allowed.empty() ? place : allowed[i], all[i] - norm});
  }
  return best;
}

// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, the same on every platform.
double Sampler::uniform() {
  std::uint64_t z = (random_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

}  // namespace stateline::engine
