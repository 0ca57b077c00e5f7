// A warp a row of W: 32 lanes read eight weights each, side by side, so the memory sees one long
// run.
#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/warp.cuh"
#include "kernels/cuda/weight_rows.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kStep = kWarp * 8;  // columns of a warp at once

template <WeightFormat kFormat>
__global__ void __launch_bounds__(kWarps* kWarp) gemv_kernel(LinearArguments s) {
  using Rows = WeightRows<kFormat>;
  const size_t row = blockIdx.x * size_t{kWarps} + warp_index();
  if (row >= s.W.n) return;
  const int k = static_cast<int>(s.W.k);
  const bool whole = rows_of_16_bytes(s.x, 0);
  float sum = 0;
#pragma unroll 4
  for (int col = lane_index() * 8; col < k; col += kStep) {
    const Eight w = Rows::factors(Rows::fetch(s.W, row, col));
    const Eight x = widen_eight(load_eight(s.x, col, k, whole));
#pragma unroll
    for (int i = 0; i < 8; ++i) sum += w.w[i] * x.w[i];
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
