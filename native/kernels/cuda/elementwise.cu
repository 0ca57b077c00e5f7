// The maps between the projections: SwiGLU eight values a thread, the others a few values a token.
#include "kernels/cuda/elementwise.cuh"

#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/warp.cuh"
#include "kernels/ssd.h"

namespace stateline::kernels::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kLaneValues = static_cast<int>(kMaxDeviceValueDim) / kWarp;

__device__ __forceinline__ float silu_mul_one(float gate, float up) { return silu(gate) * up; }

__device__ __forceinline__ uint32_t silu_mul_two(uint32_t gate, uint32_t up) {
  return round_to_bf16x2(silu_mul_one(low_half(gate), low_half(up)),
                         silu_mul_one(high_half(gate), high_half(up)));
}

__global__ void __launch_bounds__(kThreads) silu_mul_kernel(SiluMulArguments s) {
  const size_t eights = ceil_div(s.width, 8);
  const size_t number = blockIdx.x * size_t{kThreads} + threadIdx.x;
  if (number >= s.rows * eights) return;
  const size_t t = number / eights, col = number % eights * 8;
  const bf16 *gate = s.gate + t * s.ldg + col, *up = s.up + t * s.ldu + col;
  bf16* y = s.y + t * s.ldy + col;
  const bool whole = rows_of_16_bytes(gate, 0) && rows_of_16_bytes(up, 0) && rows_of_16_bytes(y, 0);
  if (whole && col + 8 <= s.width) {
    const uint4 g = *reinterpret_cast<const uint4*>(gate), u = *reinterpret_cast<const uint4*>(up);
    put_eight(y, {silu_mul_two(g.x, u.x), silu_mul_two(g.y, u.y), silu_mul_two(g.z, u.z),
                  silu_mul_two(g.w, u.w)});
    return;
  }
  for (size_t i = 0; i < 8 && col + i < s.width; ++i)
    store(y + i, silu_mul_one(load(gate + i), load(up + i)));
}

__global__ void __launch_bounds__(kThreads) discretise_kernel(DiscretiseArguments s) {
  const size_t number = blockIdx.x * size_t{kThreads} + threadIdx.x;
  if (number >= s.rows * s.heads) return;
  const size_t t = number / s.heads, h = number % s.heads;
  const float dt = softplus(load(s.u + t * s.ldu + h) + s.bias[h]);
  s.dt[number] = dt;
  s.a[number] = -expf(s.A_log[h]) * dt;
  s.log_dt[number] = logf(fmaxf(dt, 1e-6f));
}

// A warp a token and head.
__global__ void __launch_bounds__(kThreads) gate_norm_kernel(GateNormArguments s) {
  const size_t number = blockIdx.x * size_t{kWarps} + warp_index();
  if (number >= s.rows * s.heads) return;
  const size_t t = number / s.heads, h = number % s.heads;
  const bf16 *v = s.v + t * s.ldv + h * s.V, *z = s.z + t * s.ldz + h * s.V;
  bf16* y = s.y + t * s.ldy + h * s.V;
  const float D = s.D[h];
  // Value d = lane + 32 i; all are read before the first is used.
  bf16 mixed[kLaneValues], value[kLaneValues], gate[kLaneValues];
#pragma unroll
  for (int i = 0; i < kLaneValues; ++i) {
    const int d = lane_index() + i * kWarp;
    if (d >= s.V) break;
    mixed[i] = y[d], value[i] = v[d], gate[i] = z[d];
  }
  float sum[kLaneValues], squares = 0;
#pragma unroll
  for (int i = 0; i < kLaneValues; ++i) {
    if (lane_index() + i * kWarp >= s.V) break;
    sum[i] = load(&mixed[i]) + D * load(&value[i]);
    squares += sum[i] * sum[i];
  }
  const float inverse = rsqrtf(warp_sum(squares) / static_cast<float>(s.V) + s.eps);
#pragma unroll
  for (int i = 0; i < kLaneValues; ++i) {
    const int d = lane_index() + i * kWarp;
    if (d >= s.V) break;
    store(y + d, sum[i] * inverse * s.weight[h * s.V + d] * sigmoid(load(&gate[i])));
  }
}

dim3 blocks_of(size_t units, size_t units_per_block) {
  return dim3(static_cast<unsigned>(ceil_div(units, units_per_block)));
}

}  // namespace

void silu_mul(cudaStream_t stream, const SiluMulArguments& s) {
  launch(silu_mul_kernel, blocks_of(s.rows * ceil_div(s.width, 8), kThreads), dim3(kThreads),
         stream, s);
}

void discretise(cudaStream_t stream, const DiscretiseArguments& s) {
  launch(discretise_kernel, blocks_of(s.rows * s.heads, kThreads), dim3(kThreads), stream, s);
}

void gate_norm(cudaStream_t stream, const GateNormArguments& s) {
  launch(gate_norm_kernel, blocks_of(s.rows * s.heads, kWarps), dim3(kThreads), stream, s);
}

}  // namespace stateline::kernels::cuda
