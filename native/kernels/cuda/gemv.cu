// A warp a row of W.
#include "kernels/cuda/row_dot.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kWarps = 4;

template <WeightFormat kFormat>
__global__ void __launch_bounds__(kWarps* kWarp) gemv_kernel(LinearArguments s) {
  using Rows = WeightRows<kFormat>;
  const size_t row = blockIdx.x * size_t{kWarps} + warp_index();
  if (row >= s.W.n) return;
  const float sum = row_dot_unscaled<Rows>(s.W, row, s.x);
  if (lane_index() == 0) put_result<Rows>(s, 0, row, sum);
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
