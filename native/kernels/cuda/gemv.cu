// A warp a row of W: 32 lanes read eight weights each, side by side, so the memory sees one long
// run. Several eights are asked for before the first is multiplied; x comes from the caches.
#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/warp.cuh"
#include "kernels/cuda/weight_rows.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kStep = kWarp * 8;  // columns of a warp at once
constexpr int kAhead = 4;         // eights of a lane that are on their way together

template <WeightFormat kFormat>
__global__ void __launch_bounds__(kWarps* kWarp) gemv_kernel(LinearArguments s) {
  using Rows = WeightRows<kFormat>;
  const size_t row = blockIdx.x * size_t{kWarps} + warp_index();
  if (row >= s.W.n) return;
  const int k = static_cast<int>(s.W.k);
  const bool whole = rows_of_16_bytes(s.x, 0);
  float sum = 0;
  for (int begin = lane_index() * 8; begin < k; begin += kAhead * kStep) {
    typename Rows::Raw raw[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int col = begin + i * kStep;
      raw[i] = col < k ? Rows::fetch(s.W, row, col) : Rows::none();
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const Eight w = Rows::factors(raw[i]),
                  x = widen_eight(load_eight(s.x, begin + i * kStep, k, whole));
      float part = 0;
#pragma unroll
      for (int j = 0; j < 8; ++j) part += w.w[j] * x.w[j];
      sum += part * Rows::unit(raw[i]);
    }
  }
  sum = warp_sum(sum);
  if (lane_index() == 0) put_result(s.y, 0, row, sum * Rows::row_scale(s.W, row));
}

}  // namespace

void gemv(cudaStream_t stream, const LinearArguments& s) {
  const dim3 grid(static_cast<unsigned>(ceil_div(s.W.n, kWarps))), block(kWarps * kWarp);
  switch (s.W.format) {
    case WeightFormat::bf16:
      return launch(gemv_kernel<WeightFormat::bf16>, grid, block, stream, s);
    case WeightFormat::int8:
      return launch(gemv_kernel<WeightFormat::int8>, grid, block, stream, s);
    case WeightFormat::int4:
      return launch(gemv_kernel<WeightFormat::int4>, grid, block, stream, s);
  }
}

}  // namespace stateline::kernels::cuda
