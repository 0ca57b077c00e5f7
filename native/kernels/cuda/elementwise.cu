// The maps between the projections: gates eight values a thread, the others one.
#include "kernels/cuda/elementwise.cuh"

#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/tile.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kThreads = 128;

__device__ __forceinline__ uint32_t gate_two(Activation f, uint32_t gate, uint32_t up) {
  return round_to_bf16x2(activate(f, low_half(gate)) * low_half(up),
                         activate(f, high_half(gate)) * high_half(up));
}

// Whatever the rows are.
__device__ __forceinline__ void gate_one(const GateArguments& s, size_t t, size_t col) {
  const float value = activate(s.f, load(s.gate + t * s.ldg + (s.one_gate ? 0 : col))) *
                      (s.up ? load(s.up + t * s.ldu + col) : 1);
  if (s.y) {
    store(s.y + t * s.ldy + col, value);
  } else {
    s.wide_y[t * s.ldy + col] = value;
  }
}

__global__ void __launch_bounds__(kThreads) gate_kernel(GateArguments s) {
  const size_t eights = ceil_div(s.width, 8);
  const size_t number = blockIdx.x * size_t{kThreads} + threadIdx.x;
  if (number >= s.rows * eights) return;
  const size_t t = number / eights, col = number % eights * 8;
  if (s.up && s.y && !s.one_gate && col + 8 <= s.width) {
    const bf16 *gate = s.gate + t * s.ldg + col, *up = s.up + t * s.ldu + col;
    bf16* y = s.y + t * s.ldy + col;
    if (rows_of_16_bytes(gate, 0) && rows_of_16_bytes(up, 0) && rows_of_16_bytes(y, 0)) {
      const uint4 g = *reinterpret_cast<const uint4*>(gate),
                  u = *reinterpret_cast<const uint4*>(up);
      put_eight(y, {gate_two(s.f, g.x, u.x), gate_two(s.f, g.y, u.y), gate_two(s.f, g.z, u.z),
                    gate_two(s.f, g.w, u.w)});
      return;
    }
  }
  for (size_t i = 0; i < 8 && col + i < s.width; ++i) gate_one(s, t, col + i);
}

__global__ void __launch_bounds__(kThreads) discretise_kernel(DiscretiseArguments s) {
  const size_t number = blockIdx.x * size_t{kThreads} + threadIdx.x;
  if (number >= s.rows * s.heads) return;
  const size_t t = number / s.heads, h = number % s.heads;
  const float step = softplus(load(s.u + t * s.ldu + h) + s.bias[h]);
  const float dt = fminf(fmaxf(step, s.least), s.most);
  s.dt[number] = dt;
  s.a[number] = -expf(s.A_log[h]) * dt;
  if (s.log_dt) s.log_dt[number] = logf(fmaxf(dt, 1e-6f));
}

dim3 blocks_of(size_t threads) { return dim3(static_cast<unsigned>(ceil_div(threads, kThreads))); }

}  // namespace

void gate(cudaStream_t stream, const GateArguments& s) {
  launch(gate_kernel, blocks_of(s.rows * ceil_div(s.width, 8)), dim3(kThreads), stream, s);
}

void discretise(cudaStream_t stream, const DiscretiseArguments& s) {
  launch(discretise_kernel, blocks_of(s.rows * s.heads), dim3(kThreads), stream, s);
}

}  // namespace stateline::kernels::cuda
