// Three launches: which experts a row takes; what each of them has between its products; their sum.
#include "kernels/cuda/experts.cuh"

#include "kernels/cuda/row_dot.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarp;
static_assert(kMaxExperts <= kWarp * 32);  // a lane's are bits of a word

struct Choice {
  uint32_t expert;
  float weight;
};

// Workspace: h [rows, top_k, F], then choices [rows, top_k].
__device__ __forceinline__ bf16* hidden(const ExpertsArguments& s, size_t pair) {
  return reinterpret_cast<bf16*>(s.workspace) + pair * padded_cols(s.F);
}
__device__ __forceinline__ Choice* choices(const ExpertsArguments& s, size_t pair) {
  return reinterpret_cast<Choice*>(hidden(s, s.rows * s.top_k)) + pair;
}

// What is left of a row's logits; lane l has those of the experts l, l + 32, ...
struct Logits {
  const float* of;
  int experts;
  uint32_t taken = 0;  // bit i: l + 32 i is

  __device__ __forceinline__ float at(int expert) const {
    return fmaxf(of[expert], -INFINITY);  // what is no number is the least
  }
  // Takes the greatest. All lanes get the same.
  __device__ __forceinline__ int take() {
    float best = -INFINITY;
    int which = experts;
    for (int e = lane_index(), i = 0; e < experts; e += kWarp, ++i) {
      if (!(taken >> i & 1) && (which == experts || at(e) > best)) best = at(e), which = e;
    }
#pragma unroll
    for (int bits = kWarp / 2; bits > 0; bits /= 2) {
      const float other = __shfl_xor_sync(kAllLanes, best, bits);
      const int number = __shfl_xor_sync(kAllLanes, which, bits);
      if (other > best || (other == best && number < which)) best = other, which = number;
    }
    if (which % kWarp == lane_index()) taken |= 1u << which / kWarp;
    return which;
  }
};

// A warp a row.
__global__ void __launch_bounds__(kThreads) experts_route_kernel(ExpertsArguments s) {
  const size_t row = blockIdx.x * size_t{kWarps} + warp_index();
  if (row >= s.rows) return;
  Logits logits{s.logits + row * s.ldl, static_cast<int>(s.experts)};
  Choice* chosen = choices(s, row * s.top_k);
  float top = 0, sum = 0;
  for (size_t i = 0; i < s.top_k; ++i) {
    const int expert = logits.take();
    const float logit = logits.at(expert);
    if (i == 0) top = logit;
    sum += __expf(logit - top);
    if (lane_index() == 0) chosen[i] = {static_cast<uint32_t>(expert), __expf(logit - top)};
  }
  if (!s.normalised) {
    sum = 0;
    for (int e = lane_index(); e < logits.experts; e += kWarp) sum += __expf(logits.at(e) - top);
    sum = warp_sum(sum);
  }
  if (lane_index() != 0) return;
  for (size_t i = 0; i < s.top_k; ++i) chosen[i].weight *= s.scale / sum;
}

// A warp a value.
__global__ void __launch_bounds__(kThreads) experts_up_kernel(ExpertsArguments s) {
  const size_t f = blockIdx.x * size_t{kWarps} + warp_index(), pair = blockIdx.y;
  if (f >= s.F) return;
  const WeightMatrix& W = s.gate_up[choices(s, pair)->expert];
  const bf16* x = s.x + pair / s.top_k * s.ldx;
  const float gate = row_dot(W, f, x), up = row_dot(W, s.F + f, x);
  if (lane_index() == 0) store(hidden(s, pair) + f, silu(gate) * up);
}

__global__ void __launch_bounds__(kThreads) experts_down_kernel(ExpertsArguments s) {
  const size_t n = blockIdx.x * size_t{kWarps} + warp_index(), row = blockIdx.y;
  if (n >= s.d) return;
  float sum = 0;
  for (size_t pair = row * s.top_k; pair < (row + 1) * s.top_k; ++pair) {
    const Choice choice = *choices(s, pair);
    sum += choice.weight * row_dot(s.down[choice.expert], n, hidden(s, pair));
  }
  if (lane_index() == 0) s.y[row * s.ldy + n] += sum;
}

}  // namespace

size_t experts_workspace_bytes(size_t rows, size_t top_k, size_t F) {
  return rows * top_k * (padded_cols(F) * sizeof(bf16) + sizeof(Choice));
}

void experts(cudaStream_t stream, const ExpertsArguments& s) {
  const auto blocks = [](size_t warps) { return static_cast<unsigned>(ceil_div(warps, kWarps)); };
  const auto rows = static_cast<unsigned>(s.rows), pairs = static_cast<unsigned>(s.rows * s.top_k);
  launch(experts_route_kernel, dim3(blocks(s.rows)), dim3(kThreads), stream, s);
  launch(experts_up_kernel, dim3(blocks(s.F), pairs), dim3(kThreads), stream, s);
  launch(experts_down_kernel, dim3(blocks(s.d), rows), dim3(kThreads), stream, s);
}

}  // namespace stateline::kernels::cuda
