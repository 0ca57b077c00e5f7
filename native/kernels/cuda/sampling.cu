// A block a row of logits, of as many threads as there may be; each has a run of neighbouring
// tokens, so that running sums are in the order of ids.
#include "kernels/cuda/sampling.cuh"

#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kThreads = 1024;
constexpr int kWarps = kThreads / kWarp;
static_assert(kWarps == kWarp);  // a lane a warp, where one warp sums over all

struct Best {
  float logit;
  int token;
  // The greater, the first of equals.
  __device__ __forceinline__ Best over(const Best& other) const {
    const bool wins = other.logit > logit || (other.logit == logit && other.token < token);
    return wins ? other : *this;
  }
};

struct Shared {
  Best best[kWarps];
  float part[kWarps];
  Choice choice;
};

// The thread's run of tokens.
struct Run {
  const float* logits;
  int begin, end;
  __device__ __forceinline__ explicit Run(const SampleArguments& s)
      : logits(s.logits + blockIdx.x * s.ld) {
    const int n = static_cast<int>(s.n), length = (n + kThreads - 1) / kThreads;
    begin = static_cast<int>(threadIdx.x) * length < n ? static_cast<int>(threadIdx.x) * length : n;
    end = begin + length < n ? begin + length : n;
  }
};

__device__ __forceinline__ Best warp_best(Best best) {
  for (int bits = kWarp / 2; bits > 0; bits /= 2)
    best = best.over({__shfl_xor_sync(kAllLanes, best.logit, bits),
                      __shfl_xor_sync(kAllLanes, best.token, bits)});
  return best;
}

__device__ __forceinline__ Best find_best(Shared& shared, const Run& run) {
  Best best{-INFINITY, INT32_MAX};
#pragma unroll 8
  for (int i = run.begin; i < run.end; ++i) best = best.over({run.logits[i], i});
  best = warp_best(best);
  if (lane_index() == 0) shared.best[warp_index()] = best;
  __syncthreads();  // the best of every warp is there
  return warp_best(shared.best[lane_index()]);
}

// The sum over all threads.
__device__ __forceinline__ float block_sum(Shared& shared, float value) {
  __syncthreads();  // nobody reads the parts of an earlier sum any more
  const float here = warp_sum(value);
  if (lane_index() == 0) shared.part[warp_index()] = here;
  __syncthreads();  // the part of every warp is there
  return warp_sum(shared.part[lane_index()]);
}

// The sums of all threads before this one, of those and this one, and of all. One warp after
// another, so that a thread begins exactly where the one before it ends.
struct Place {
  float before, after, total;
};
__device__ __forceinline__ Place block_scan(Shared& shared, float value) {
  __syncthreads();  // nobody reads the parts of an earlier sum any more
  const float here = warp_scan(value);
  if (lane_index() == kWarp - 1) shared.part[warp_index()] = here;
  __syncthreads();  // the part of every warp is there
  float base = 0, total = 0;
  for (int warp = 0; warp < kWarps; ++warp) {
    if (warp == warp_index()) base = total;
    total += shared.part[warp];
  }
  const float before = __shfl_up_sync(kAllLanes, here, 1);
  return {base + (lane_index() == 0 ? 0 : before), base + here, total};
}

// A token's weight: its probability over that of the likeliest, at the sampling temperature.
struct Weigher {
  float top, inverse_temperature, least;  // smaller weights are not kept
  __device__ __forceinline__ float operator()(float logit) const {
    const float weight = __expf((logit - top) * inverse_temperature);
    return weight >= least ? weight : 0;  // NaN too is 0
  }
};

__device__ __forceinline__ float weigh(const Run& run, const Weigher& weigher) {
  float sum = 0;
#pragma unroll 8
  for (int i = run.begin; i < run.end; ++i) sum += weigher(run.logits[i]);
  return sum;
}

// The greatest `least` that keeps a share top_p of the sum, by bisection over the bits of a float
// (positive floats are ordered as their bits are).
__device__ __forceinline__ float nucleus(Shared& shared, const Run& run, Weigher weigher,
                                         float top_p) {
  const float wanted = top_p * block_sum(shared, weigh(run, weigher));
  uint32_t low = 0, high = 0x3f800001;  // keeps all; keeps none (just above 1)
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    weigher.least = __uint_as_float(middle);
    (block_sum(shared, weigh(run, weigher)) >= wanted ? low : high) = middle;
  }
  return __uint_as_float(low);
}

// Exactly one thread finds the token in its run and writes it.
__device__ __forceinline__ void choose(Shared& shared, const Run& run, const Weigher& weigher,
                                       float uniform) {
  const Place place = block_scan(shared, weigh(run, weigher));
  const float target = fminf(uniform * place.total, place.total * 0.9999999f);
  const bool mine = place.before <= target && target < place.after;
  if (!mine) return;
  float sum = place.before;
  for (int i = run.begin; i < run.end; ++i) {
    const float weight = weigher(run.logits[i]);
    sum += weight;
    if (weight > 0) shared.choice = {i, run.logits[i]};
    if (sum > target) break;
  }
}

__global__ void __launch_bounds__(kThreads, 1) sample_kernel(SampleArguments s) {
  auto& shared = shared_memory<Shared>();
  const Run run(s);
  const Best best = find_best(shared, run);
  const Weigher plain{best.logit, 1, 0};
  const float log_total = logf(block_sum(shared, weigh(run, plain)));
  if (threadIdx.x == 0) shared.choice = {best.token, best.logit};
  if (s.temperature > 0) {
    Weigher weigher{best.logit, 1 / s.temperature, 0};
    if (s.top_p < 1) weigher.least = nucleus(shared, run, weigher, s.top_p);
    choose(shared, run, weigher, s.uniform[blockIdx.x]);
  }
  __syncthreads();  // the choice is made
  if (threadIdx.x == 0)
    s.choice[blockIdx.x] = {shared.choice.token, shared.choice.log_prob - best.logit - log_total};
}

}  // namespace

void sample(cudaStream_t stream, const SampleArguments& s) {
  launch(sample_kernel, dim3(static_cast<unsigned>(s.rows)), dim3(kThreads), stream, s);
}

}  // namespace stateline::kernels::cuda
