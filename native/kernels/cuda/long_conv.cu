// A tile of the Toeplitz matrix at a time: 128 tokens by 128 lags. A thread has eight tokens of a
// channel and takes eight lags at once, which need 15 inputs: 64 products for 16 loads, four floats
// each, half of the inputs staying in registers from one eight to the next.
#include "kernels/cuda/long_conv.cuh"

#include "kernels/cuda/arithmetic.cuh"
#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kChannels = 8, kTokens = 128, kLags = 128;  // of a tile
constexpr int kEight = 8;                                 // tokens of a thread, lags of a step
constexpr int kTeams = kTokens / kEight;                  // threads of a channel
constexpr int kThreads = kChannels * kTeams;
constexpr int kPad = 4;  // shifts the rows of the channels to different banks

struct Shared {
  // Column i is the input at first - lag - kLags + i, the tile's first token and first lag.
  alignas(16) float u[kChannels][kTokens + kLags + kPad];
  alignas(16) float kernel[kChannels][kLags + kPad];
};

__device__ __forceinline__ void load_eight(float* out, const float* place) {
#pragma unroll
  for (int i = 0; i < kEight; i += 4) {
    const float4 four = *reinterpret_cast<const float4*>(place + i);
    out[i] = four.x, out[i + 1] = four.y, out[i + 2] = four.z, out[i + 3] = four.w;
  }
}

// The tile of the tokens from `first` and of the lags from `lag`; zeros where there is no channel,
// input or lag.
__device__ __forceinline__ void fill(Shared& shared, const LongConvArguments& s, size_t channel,
                                     long first, size_t lag) {
  const auto& series = s.series;
  for (int i = static_cast<int>(threadIdx.x); i < kChannels * (kTokens + kLags); i += kThreads) {
    const int row = i % kChannels, col = i / kChannels;
    shared.u[row][col] =
        channel + row < series.channels
            ? input(series, first - static_cast<long>(lag) - kLags + col, channel + row)
            : 0;
  }
  for (int i = static_cast<int>(threadIdx.x); i < kChannels * kLags; i += kThreads) {
    const int row = i / kLags, col = i % kLags;
    shared.kernel[row][col] = channel + row < series.channels && lag + col < series.lags
                                  ? s.kernel[(channel + row) * series.lags + lag + col]
                                  : 0;
  }
}

// sums[i] += sum_k kernel[k] u[i - k] for the tile's lags k; u is at the thread's first token.
__device__ __forceinline__ void multiply_tile(float (&sums)[kEight], const float* u,
                                              const float* kernel) {
  float tile[kEight] = {}, window[2 * kEight], weight[kEight];
  load_eight(window + kEight, u);
#pragma unroll 2  // the halves of the window change places instead of moving
  for (int lag = 0; lag < kLags; lag += kEight) {
    load_eight(window, u - lag - kEight);
    load_eight(weight, kernel + lag);
#pragma unroll
    for (int k = 0; k < kEight; ++k) {
#pragma unroll
      for (int i = 0; i < kEight; ++i) tile[i] += weight[k] * window[kEight + i - k];
    }
#pragma unroll
    for (int i = 0; i < kEight; ++i) window[kEight + i] = window[i];
  }
  // A tile has a sum of its own, so that roundings do not grow with the lags.
#pragma unroll
  for (int i = 0; i < kEight; ++i) sums[i] += tile[i];
}

__global__ void __launch_bounds__(kThreads) long_conv_kernel(LongConvArguments s) {
  auto& shared = shared_memory<Shared>();
  const auto& series = s.series;
  const size_t first_channel = blockIdx.y * size_t{kChannels};
  const long first = static_cast<long>(blockIdx.x) * kTokens;
  const int row = static_cast<int>(threadIdx.x) % kChannels;
  const int team = static_cast<int>(threadIdx.x) / kChannels;
  float sums[kEight] = {};
  for (size_t lag = 0; lag < series.lags; lag += kLags) {
    fill(shared, s, first_channel, first, lag);
    __syncthreads();  // the tile is whole
    multiply_tile(sums, &shared.u[row][kLags + team * kEight], shared.kernel[row]);
    __syncthreads();  // the tile is read before the next one comes
  }
  const size_t c = first_channel + row;
  if (c >= series.channels) return;
  for (int i = 0; i < kEight; ++i) {
    const size_t t = first + team * kEight + i;
    if (t < series.tokens) series.y[t * series.ldy + c] = sums[i];
  }
  carry(series, c, blockIdx.x * size_t{kTeams} + team, gridDim.x * size_t{kTeams});
}

// One token: a warp a channel, which reads the kernel and the history side by side and moves the
// history up by one on the way.
constexpr int kAhead = 8;  // lags of a lane whose loads are on their way together

__global__ void __launch_bounds__(kThreads) long_conv_step_kernel(LongConvArguments s) {
  const auto& series = s.series;
  const size_t c = blockIdx.x * size_t{kThreads / kWarp} + warp_index();
  if (c >= series.channels) return;
  const size_t before = series.lags - 1;
  const float* weight = s.kernel + c * series.lags;
  const float* history = series.history + c * before;
  float* next_history = series.next_history + c * before;
  float sum = 0;
  for (size_t first = lane_index(); first < series.lags; first += kAhead * kWarp) {
    float past[kAhead], factor[kAhead];
#pragma unroll
    for (size_t i = 0; i < kAhead; ++i) {
      const size_t lag = first + i * kWarp;
      const bool inside = lag < series.lags;
      past[i] = inside ? (lag == 0 ? series.u[c] : history[lag - 1]) : 0;
      factor[i] = inside ? weight[lag] : 0;
    }
    float part = 0;  // of its own, so that roundings do not grow with the lags
#pragma unroll
    for (size_t i = 0; i < kAhead; ++i) {
      const size_t lag = first + i * kWarp;
      part += factor[i] * past[i];
      if (lag < before) next_history[lag] = past[i];
    }
    sum += part;
  }
  sum = warp_sum(sum);
  if (lane_index() == 0) series.y[c] = sum;
}

}  // namespace

void long_conv(cudaStream_t stream, const LongConvArguments& s) {
  if (s.series.tokens == 1) {
    const size_t blocks = ceil_div(s.series.channels, kThreads / kWarp);
    return launch(long_conv_step_kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads),
                  stream, s);
  }
  launch(long_conv_kernel,
         dim3(static_cast<unsigned>(ceil_div(s.series.tokens, kTokens)),
              static_cast<unsigned>(ceil_div(s.series.channels, kChannels))),
         dim3(kThreads), stream, s);
}

}  // namespace stateline::kernels::cuda
