// Both ways keep a window of four inputs in registers while they walk down the tokens.
#include "kernels/cuda/causal_conv.cuh"

#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/tile.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kHistory = static_cast<int>(kConvHistory);
constexpr int kThreads = 128;

// Input t of a channel, t >= -3: before the chunk it is in the history.
__device__ __forceinline__ float input(const CausalConvArguments& s, long t, size_t c) {
  return t < 0 ? s.history[(t + kHistory) * s.channels + c] : load(s.x + t * s.ldx + c);
}

// The last three inputs of a channel.
__device__ __forceinline__ void carry(const CausalConvArguments& s, size_t c) {
  for (int w = 0; w < kHistory; ++w)
    s.next_history[w * s.channels + c] = input(s, static_cast<long>(s.tokens) - kHistory + w, c);
}

struct Taps {
  float bias, weight[kConvWidth];
  __device__ __forceinline__ Taps(const CausalConvArguments& s, size_t c)
      : bias(s.bias ? s.bias[c] : 0) {
    for (size_t w = 0; w < kConvWidth; ++w) weight[w] = s.weight[w * s.channels + c];
  }
  __device__ __forceinline__ float apply(const float (&window)[kConvWidth]) const {
    float sum = bias;
    for (size_t w = 0; w < kConvWidth; ++w) sum += weight[w] * window[w];
    return silu(sum);
  }
};

__device__ __forceinline__ void shift(float (&window)[kConvWidth], float next) {
  for (int w = 0; w < kHistory; ++w) window[w] = window[w + 1];
  window[kHistory] = next;
}

struct Direct {
  static constexpr int kTokens = 16;  // of a thread
};

__global__ void __launch_bounds__(kThreads) causal_conv_direct_kernel(CausalConvArguments s) {
  const size_t c = blockIdx.x * size_t{kThreads} + threadIdx.x;
  if (c >= s.channels) return;
  const long begin = static_cast<long>(blockIdx.y) * Direct::kTokens;
  const long end = begin + Direct::kTokens < static_cast<long>(s.tokens)
                       ? begin + Direct::kTokens
                       : static_cast<long>(s.tokens);
  const Taps taps(s, c);
  float window[kConvWidth] = {0, input(s, begin - 3, c), input(s, begin - 2, c),
                              input(s, begin - 1, c)};
  for (long t = begin; t < end; ++t) {
    shift(window, input(s, t, c));
    store(s.y + t * s.ldy + c, taps.apply(window));
  }
  if (end == static_cast<long>(s.tokens)) carry(s, c);
}

struct Tiled {
  static constexpr int kTokens = 64, kChannels = 64;            // of a block
  static constexpr int kWalk = kTokens * kChannels / kThreads;  // tokens of a thread
  struct Shared {
    Tile<kTokens, kChannels> x;
    float before[kHistory][kChannels];  // the three inputs before the tile
  };
};

__global__ void __launch_bounds__(kThreads) causal_conv_tiled_kernel(CausalConvArguments s) {
  auto& shared = shared_memory<Tiled::Shared>();
  const long first = static_cast<long>(blockIdx.y) * Tiled::kTokens;
  const size_t first_channel = blockIdx.x * size_t{Tiled::kChannels};
  const int rows = static_cast<int>(static_cast<long>(s.tokens) - first);
  const int cols = static_cast<int>(s.channels - first_channel);
  fill_tile<kThreads>(shared.x, s.x + first * s.ldx + first_channel, s.ldx, rows, cols);
  for (int i = static_cast<int>(threadIdx.x); i < kHistory * Tiled::kChannels; i += kThreads) {
    const int w = i / Tiled::kChannels, col = i % Tiled::kChannels;
    shared.before[w][col] = col < cols ? input(s, first - kHistory + w, first_channel + col) : 0;
  }
  __syncthreads();  // the tile and what lies before it are whole

  const int col = static_cast<int>(threadIdx.x) % Tiled::kChannels;
  const int begin = static_cast<int>(threadIdx.x) / Tiled::kChannels * Tiled::kWalk;
  if (col >= cols) return;
  const size_t c = first_channel + col;
  const Taps taps(s, c);
  float window[kConvWidth] = {0, 0, 0, 0};
  for (int t = begin - kHistory; t < begin + Tiled::kWalk && t < rows; ++t) {
    shift(window, t < 0 ? shared.before[t + kHistory][col] : load(&shared.x.at[t][col]));
    if (t >= begin) store(s.y + (first + t) * s.ldy + c, taps.apply(window));
  }
  if (begin == 0 && rows <= Tiled::kTokens) carry(s, c);
}

}  // namespace

void causal_conv_direct(cudaStream_t stream, const CausalConvArguments& s) {
  launch(causal_conv_direct_kernel,
         dim3(static_cast<unsigned>(ceil_div(s.channels, kThreads)),
              static_cast<unsigned>(ceil_div(s.tokens, Direct::kTokens))),
         dim3(kThreads), stream, s);
}

void causal_conv_tiled(cudaStream_t stream, const CausalConvArguments& s) {
  launch(causal_conv_tiled_kernel,
         dim3(static_cast<unsigned>(ceil_div(s.channels, Tiled::kChannels)),
              static_cast<unsigned>(ceil_div(s.tokens, Tiled::kTokens))),
         dim3(kThreads), stream, s);
}

void causal_conv(cudaStream_t stream, const CausalConvArguments& s) {
  (s.tokens < Tiled::kTokens ? causal_conv_direct : causal_conv_tiled)(stream, s);
}

}  // namespace stateline::kernels::cuda
