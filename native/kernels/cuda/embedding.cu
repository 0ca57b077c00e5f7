// A block a token, eight weights a thread at a time.
#include "kernels/cuda/embedding.cuh"

#include "kernels/cuda/weight_rows.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kThreads = 128;

template <WeightFormat kFormat>
__global__ void __launch_bounds__(kThreads) embedding_kernel(EmbeddingArguments s) {
  using Rows = WeightRows<kFormat>;
  const auto row = static_cast<size_t>(s.token[blockIdx.x]);
  const float scale = Rows::row_scale(s.W, row) * s.scale;
  float* x = s.x + blockIdx.x * s.ldx;
  for (size_t col = threadIdx.x * size_t{8}; col < s.W.k; col += kThreads * 8) {
    const auto raw = Rows::fetch(s.W, row, col);
    const Eight w = Rows::factors(raw);
    const float unit = Rows::unit(raw) * scale;
    for (size_t i = 0; i < 8 && col + i < s.W.k; ++i) x[col + i] = w.w[i] * unit;
  }
}

}  // namespace

void embed(cudaStream_t stream, const EmbeddingArguments& s) {
  const dim3 grid(static_cast<unsigned>(s.tokens)), block(kThreads);
  switch (s.W.format) {
    case WeightFormat::bf16:
      return launch(embedding_kernel<WeightFormat::bf16>, grid, block, stream, s);
    case WeightFormat::int8:
      return launch(embedding_kernel<WeightFormat::int8>, grid, block, stream, s);
    case WeightFormat::int4:
      return launch(embedding_kernel<WeightFormat::int4>, grid, block, stream, s);
  }
}

}  // namespace stateline::kernels::cuda
