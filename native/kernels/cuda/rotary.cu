// A thread has one pair of eight heads: the angle is theirs together, and all are read before the
// first is written.
#include "kernels/cuda/rotary.cuh"

#include <cmath>

#include "kernels/cuda/arithmetic.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kHeads = 8;
constexpr double kTurn = 6.283185307179586;

// `exponent` is -2 log2(theta) / width.
__global__ void __launch_bounds__(kThreads) rotate_kernel(RotateArguments s, double exponent) {
  const size_t pairs = s.width / 2, number = blockIdx.x * size_t{kThreads} + threadIdx.x;
  if (number >= s.tokens * pairs) return;
  const size_t t = number / pairs, i = number % pairs, first = blockIdx.y * size_t{kHeads};
  const int heads = s.heads - first < kHeads ? static_cast<int>(s.heads - first) : kHeads;
  bf16* x = s.x + t * s.ldx + first * s.head_dim + i;
  bf16 a[kHeads], b[kHeads];
#pragma unroll
  for (int h = 0; h < kHeads; ++h)
    if (h < heads) a[h] = x[h * s.head_dim], b[h] = x[h * s.head_dim + pairs];
  const double turns = static_cast<double>(*s.origin + s.position + t) *
                       (exp2(exponent * static_cast<double>(i)) / kTurn);
  float sine, cosine;
  sincospif(2 * static_cast<float>(turns - floor(turns)), &sine, &cosine);
#pragma unroll
  for (int h = 0; h < kHeads; ++h) {
    if (h >= heads) break;
    store(x + h * s.head_dim, load(&a[h]) * cosine - load(&b[h]) * sine);
    store(x + h * s.head_dim + pairs, load(&b[h]) * cosine + load(&a[h]) * sine);
  }
}

}  // namespace

void rotate(cudaStream_t stream, const RotateArguments& s) {
  launch(rotate_kernel,
         dim3(static_cast<unsigned>(ceil_div(s.tokens * (s.width / 2), kThreads)),
              static_cast<unsigned>(ceil_div(s.heads, kHeads))),
         dim3(kThreads), stream, s, -2 * std::log2(s.theta) / static_cast<double>(s.width));
}

}  // namespace stateline::kernels::cuda
