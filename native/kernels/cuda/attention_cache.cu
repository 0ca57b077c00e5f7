// A block has one slot's part of 32 tokens: it finds the decay up to its tokens by itself.
#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/device_slot.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kTokens = 32;  // of a block

__device__ __forceinline__ DeviceSlot slot_at(const AppendArguments& s, uint64_t position) {
  const uint64_t page = (position - s.cache.first_position) / kPageTokens;
  return {s.cache.pages[page] + s.cache.offset + blockIdx.y * device_slot_bytes(s.K, s.V), s.K};
}

// Of a token; 0 where nothing decays.
__device__ __forceinline__ double decay(const AppendArguments& s, size_t t, size_t h) {
  return s.a ? static_cast<double>(s.a[t * s.lda + h]) : 0;
}

// By one warp: the sum of the cache's last decay and of those before the block, then a scan.
__device__ __forceinline__ void append_decays(const AppendArguments& s, size_t h, size_t first) {
  double sum = 0;
  for (size_t t = lane_index(); t < first; t += kWarp) sum += decay(s, t, h);
  double before = warp_sum(sum);
  if (s.position > s.cache.first_position) {
    const uint64_t last = s.position - 1;
    before += slot_at(s, last).cumulative[last % kPageTokens];
  }
  const size_t t = first + lane_index();
  const bool inside = t < s.tokens;
  const double cumulative = before + warp_scan(inside ? decay(s, t, h) : 0);
  if (!inside) return;
  const DeviceSlot slot = slot_at(s, s.position + t);
  slot.cumulative[(s.position + t) % kPageTokens] = cumulative;
  slot.log_dt[(s.position + t) % kPageTokens] = s.a ? s.log_dt[t * s.lda + h] : 0;
}

__global__ void __launch_bounds__(kThreads) append_to_cache_kernel(AppendArguments s) {
  const size_t h = s.head[blockIdx.y * s.heads_per_slot] / s.heads_per_slot,
               first = blockIdx.x * size_t{kTokens};
  if (warp_index() == 0) append_decays(s, h, first);
  const size_t width = s.K + s.V, end = s.tokens - first < kTokens ? s.tokens : first + kTokens;
  for (size_t i = threadIdx.x; i < (end - first) * width; i += kThreads) {
    const size_t t = first + i / width, c = i % width, row = (s.position + t) % kPageTokens;
    const DeviceSlot slot = slot_at(s, s.position + t);
    if (c < s.K) {
      slot.k[row * s.K + c] = s.k[t * s.ldk + h * s.K + c];
    } else {
      slot.v[row * s.V + c - s.K] = s.v[t * s.ldv + h * s.V + c - s.K];
    }
  }
}

}  // namespace

void append_to_cache(cudaStream_t stream, const AppendArguments& s) {
  launch(append_to_cache_kernel,
         dim3(static_cast<unsigned>(ceil_div(s.tokens, kTokens)), static_cast<unsigned>(s.slots)),
         dim3(kThreads), stream, s);
}

}  // namespace stateline::kernels::cuda
