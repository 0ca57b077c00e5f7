// What the sampler needs over one row of logits.
#pragma once

#include <cstddef>

namespace stateline::kernels {

// Index of the greatest of x [n], the first of equals; n > 0. NaN never wins.
using Argmax = size_t(size_t n, const float* x);

// log(sum(exp(x))), so that a log-probability is x[i] minus it. |error| <= 1e-6 * (1 + |result|).
using LogSumExp = float(size_t n, const float* x);

// y = softmax(x / temperature), temperature > 0; y may be x. |error| <= 1e-6.
using Softmax = void(size_t n, const float* x, float temperature, float* y);

namespace reference {
Argmax argmax;
LogSumExp log_sum_exp;
Softmax softmax;
}  // namespace reference

}  // namespace stateline::kernels
