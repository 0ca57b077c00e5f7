// The gated delta rule of a mixer head: what is written is what the state does not say yet.
#pragma once

#include "kernels/recurrent_log.h"
#include "kernels/ssd.h"
#include "kernels/thread_pool.h"

namespace stateline::kernels {

// With ssd's arguments, dt being the writing strength beta and D unused:
//   r_t = exp(a_t) S_{t-1}^T k_t,  u_t = beta_t (v_t - r_t),
//   S_t = exp(a_t) S_{t-1} + k_t u_t^T,  y_t = scale * S_t^T q_t, all in f32.
// Gated DeltaNet, arXiv 2412.06464, eq. 10. Few tokens go one by one, more in chunks of 64 as
// matrix products (sec. 3.3): with D_ij = exp(cumulative_i - cumulative_j), the u of a chunk solve
//   u_i = beta_i (v_i - exp(cumulative_i) S^T k_i - sum_{j < i} D_ij (k_i . k_j) u_j),
// by forward substitution in blocks, and stand where ssd has dt v. Uses pool.scratch() where heads
// share keys. For keys of at most unit length, as the rule wants them, |error| <= 5e-5 * max |y|
// against a double recurrence.
using Delta = void(ThreadPool& pool, const SsdArguments& arguments);

// The same from a base and its log, which gets u: see kernels/recurrent_log.h.
using DeltaLog = void(ThreadPool& pool, const LogArguments& arguments);

namespace reference {
Delta delta;
DeltaLog delta_log;
}  // namespace reference

}  // namespace stateline::kernels
