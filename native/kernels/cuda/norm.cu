// A warp a group: the lanes stride over it, so a row is read in order and no barrier is needed.
#include "kernels/cuda/norm.cuh"

#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kWarps = 4;

template <class X>
__global__ void __launch_bounds__(kWarps* kWarp) rms_norm_kernel(RmsNormArguments<X> s) {
  const size_t number = blockIdx.x * size_t{kWarps} + warp_index();
  if (number >= s.rows * s.groups) return;
  const size_t t = number / s.groups, g = number % s.groups;
  const X* x = s.x + t * s.ldx + g * s.width;
  bf16* y = s.y + t * s.ldy + g * s.width;
  const float* weight = s.weight + g * s.width;
  const int width = static_cast<int>(s.width);
  float squares = 0;
#pragma unroll 8  // loads that are on their way together; an int, so that the compiler can
  for (int i = lane_index(); i < width; i += kWarp) {
    const float value = load(x + i);
    squares += value * value;
  }
  const float inverse = rsqrtf(warp_sum(squares) / static_cast<float>(s.width) + s.eps);
#pragma unroll 4
  for (int i = lane_index(); i < width; i += kWarp) store(y + i, load(x + i) * inverse * weight[i]);
}

template <class X>
void run(cudaStream_t stream, const RmsNormArguments<X>& s) {
  launch(rms_norm_kernel<X>, dim3(static_cast<unsigned>(ceil_div(s.rows * s.groups, kWarps))),
         dim3(kWarps * kWarp), stream, s);
}

}  // namespace

void rms_norm(cudaStream_t stream, const RmsNormArguments<float>& s) { run(stream, s); }
void rms_norm(cudaStream_t stream, const RmsNormArguments<bf16>& s) { run(stream, s); }

}  // namespace stateline::kernels::cuda
