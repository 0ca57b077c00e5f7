// Choosing the next token from logits: greedy, temperature and nucleus (top-p, arXiv 1904.09751).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/model.h"

namespace stateline::engine {

struct SamplingOptions {
  float temperature = 0;  // 0 = greedy
  float top_p = 1;        // share of the probability that is kept, of the likeliest tokens
  std::uint64_t seed = 0;
};

struct Sample {
  std::int32_t token;
  float log_prob;  // nats, at temperature 1 and before top-p
};

class Sampler {
 public:
  Sampler(const SamplingOptions& options, const Model& model);

  // Samples among all tokens, or among `allowed` alone if it is not empty (ids in range, distinct).
  // Allocates nothing.
  Sample sample(std::span<const float> logits, std::span<const std::int32_t> allowed = {});

  // The `count` likeliest among the same, or as many as there are, the likeliest first.
  std::vector<Sample> likeliest(std::span<const float> logits, std::size_t count,
                                std::span<const std::int32_t> allowed = {}) const;

 private:
  struct Candidate {
    float weight;  // unnormalised probability at the sampling temperature
    std::int32_t token;
  };
  Sample sample_all(std::span<const float> logits);
  Sample sample_allowed(std::span<const float> logits, std::span<const std::int32_t> allowed);
  std::int32_t sample_candidates(float max_logit, std::span<const float> logits);
  double uniform();

  SamplingOptions options_;
  const kernels::Kernels& kernels_;
  std::uint64_t random_;
  std::vector<Candidate> candidates_;  // scratch, [vocab]
};

}  // namespace stateline::engine
