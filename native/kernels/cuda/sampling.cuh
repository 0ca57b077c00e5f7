// The next token, chosen on the device, so that one decode step follows another without the host.
#pragma once

#include "kernels/cuda/platform.cuh"

namespace stateline::kernels::cuda {

struct Choice {
  int32_t token;
  float log_prob;  // nats, at temperature 1 and before top-p; |error| <= 1e-5 (1 + |log_prob|)
};

struct SampleArguments {
  size_t rows, n;       // n > 0
  const float* logits;  // [rows, n], stride ld; NaN never wins
  size_t ld;
  float temperature;     // 0: the greatest, the first of equals
  float top_p;           // of the likeliest tokens this share of the probability is kept
  const float* uniform;  // [rows] in [0, 1), read if temperature > 0
  Choice* choice;        // [rows]
};
// With temperature > 0 the first token at which the running sum of the kept tokens' probabilities
// (in order of their ids) exceeds uniform times their sum, up to the rounding of those sums (1e-5).
// Nucleus sampling: arXiv 1904.09751, sec. 3.1.
void sample(cudaStream_t stream, const SampleArguments& arguments);

}  // namespace stateline::kernels::cuda
