// A team of threads has a group of values: a warp if they are few, else a block. Both times that
// the team passes over them each thread has the same ones.
#include "kernels/cuda/head_end.cuh"

#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kThreads = 128;
constexpr size_t kFewValues = 256;

struct Shared {
  float part[kThreads / kWarp];  // of the block's sum
};

template <int kTeam>
__device__ __forceinline__ float team_sum(float value) {
  value = warp_sum(value);
  if constexpr (kTeam > kWarp) {
    auto& shared = shared_memory<Shared>();
    if (lane_index() == 0) shared.part[warp_index()] = value;
    __syncthreads();  // all parts are there before they are added
    value = 0;
    for (const float part : shared.part) value += part;
  }
  return value;
}

// A row's group.
struct Group {
  size_t first;  // of the row's values
  int width;
  const bf16 *v, *z;
  bf16* y;

  __device__ __forceinline__ Group(const HeadEndArguments& s, size_t number) {
    const size_t t = number / s.norm_groups, values = s.heads * s.V / s.norm_groups;
    first = number % s.norm_groups * values;
    width = static_cast<int>(values);
    v = s.v + t * s.ldv + first;
    z = s.z + t * s.ldz + first;
    y = s.y + t * s.ldy + first;
  }
  __device__ __forceinline__ float gate(const HeadEndArguments& s, int i) const {
    return activate(s.f, load(z + i));
  }
  __device__ __forceinline__ float before_norm(const HeadEndArguments& s, int i) const {
    float value = load(y + i);
    if (s.D)
      value += s.D[(static_cast<uint32_t>(first) + i) / static_cast<uint32_t>(s.V)] * load(v + i);
    return s.gate_first ? value * gate(s, i) : value;
  }
};

template <int kTeam>
__global__ void __launch_bounds__(kThreads) head_end_kernel(HeadEndArguments s) {
  const size_t number = blockIdx.x * size_t{kThreads / kTeam} + threadIdx.x / kTeam;
  if (number >= s.rows * s.norm_groups) return;
  const Group group(s, number);
  const int begin = static_cast<int>(threadIdx.x) % kTeam;
  float inverse = 1;
  if (s.weight) {
    float squares = 0;
#pragma unroll 4  // loads that are on their way together
    for (int i = begin; i < group.width; i += kTeam) {
      const float value = group.before_norm(s, i);
      squares += value * value;
    }
    inverse = rsqrtf(team_sum<kTeam>(squares) / static_cast<float>(group.width) + s.eps);
  }
#pragma unroll 4
  for (int i = begin; i < group.width; i += kTeam) {
    float value = group.before_norm(s, i);
    if (s.weight) value *= inverse * s.weight[group.first + i];
    store(group.y + i, s.gate_first ? value : value * group.gate(s, i));
  }
}

template <int kTeam>
void run(cudaStream_t stream, const HeadEndArguments& s) {
  const size_t blocks = ceil_div(s.rows * s.norm_groups, kThreads / kTeam);
  launch(head_end_kernel<kTeam>, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), stream, s);
}

}  // namespace

void end_heads(cudaStream_t stream, const HeadEndArguments& s) {
  const size_t values = s.heads * s.V / s.norm_groups;
  (values <= kFewValues ? run<kWarp> : run<kThreads>)(stream, s);
}

}  // namespace stateline::kernels::cuda
