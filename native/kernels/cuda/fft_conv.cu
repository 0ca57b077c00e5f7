// Stockham's transform in radix 4: passes that sort themselves (Govindaraju and others, SC 2008). A
// thread keeps four values of the window in registers, a butterfly a pass; shared memory only hands
// them over.
#include "kernels/cuda/fft_conv.cuh"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <stdexcept>
#include <string>

#include "kernels/cuda/arithmetic.cuh"

namespace stateline::kernels::cuda {
namespace {

constexpr int kRadix = 4;

template <int kSize>
struct Window {
  static constexpr int kThreads = kSize / kRadix;
  struct Shared {
    float2 at[kSize + kSize / 16];
  };
  // The shared place of a value: a gap after every 16, so that the strides of the first pass meet
  // different banks.
  __device__ __forceinline__ static int place(int i) { return i + i / 16; }
  // Which value of the window is the thread's own i-th.
  __device__ __forceinline__ static int own(int i) {
    return static_cast<int>(threadIdx.x) + i * kThreads;
  }
};

__device__ __forceinline__ float2 plus(float2 a, float2 b) { return {a.x + b.x, a.y + b.y}; }
__device__ __forceinline__ float2 minus(float2 a, float2 b) { return {a.x - b.x, a.y - b.y}; }
__device__ __forceinline__ float2 times(float2 a, float2 b) {
  return {a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x};
}

// The transform of four values in place.
__device__ __forceinline__ void butterfly(float2 (&v)[kRadix]) {
  const float2 even = plus(v[0], v[2]), odd = minus(v[0], v[2]), sum = plus(v[1], v[3]),
               difference = minus(v[1], v[3]);
  const float2 turned = {difference.y, -difference.x};  // times -i
  v[0] = plus(even, sum);
  v[1] = plus(odd, turned);
  v[2] = minus(even, sum);
  v[3] = minus(odd, turned);
}

// The forward transform of the window, from own values to own values.
template <int kSize>
__device__ __forceinline__ void transform(float2 (&own)[kRadix],
                                          typename Window<kSize>::Shared& shared,
                                          const float2* twiddle) {
  using W = Window<kSize>;
  const int j = static_cast<int>(threadIdx.x);
#pragma unroll 1  // passes side by side take twice the registers
  for (int span = 1, step = W::kThreads; span < kSize; span *= kRadix, step /= kRadix) {
    const int k = j & (span - 1), first = (j - k) * kRadix + k;
#pragma unroll
    for (int r = 1; r < kRadix; ++r)
      own[r] = times(own[r], twiddle[(r - 1) * W::kThreads + k * step]);
    butterfly(own);
    __syncthreads();  // the pass before has been read
#pragma unroll
    for (int r = 0; r < kRadix; ++r) shared.at[W::place(first + r * span)] = own[r];
    __syncthreads();  // the pass is whole
#pragma unroll
    for (int r = 0; r < kRadix; ++r) own[r] = shared.at[W::place(W::own(r))];
  }
}

template <int kSize>
__global__ void __launch_bounds__(Window<kSize>::kThreads)
    fft_spectra_kernel(FftSpectraArguments s) {
  using W = Window<kSize>;
  auto& shared = shared_memory<typename W::Shared>();
  const size_t c = blockIdx.x;
  float2 own[kRadix];
#pragma unroll
  for (int i = 0; i < kRadix; ++i) {
    const size_t k = W::own(i);
    own[i] = {k < s.lags ? s.kernel[c * s.lags + k] / kSize : 0, 0};
  }
  transform<kSize>(own, shared, s.twiddle);
#pragma unroll
  for (int i = 0; i < kRadix; ++i) s.spectra[c * kSize + W::own(i)] = own[i];
}

// Tokens at .. at + step are the real part's outputs, the next `step` the imaginary part's. The
// inverse transform of z is the conjugate of the forward one of z's conjugate.
template <int kSize>
__global__ void __launch_bounds__(Window<kSize>::kThreads) fft_conv_kernel(FftConvArguments s) {
  using W = Window<kSize>;
  auto& shared = shared_memory<typename W::Shared>();
  const auto& series = s.series;
  const size_t c = blockIdx.x;
  const long before = static_cast<long>(series.lags) - 1, step = kSize - before,
             at = static_cast<long>(blockIdx.y) * 2 * step,
             tokens = static_cast<long>(series.tokens);
  float2 own[kRadix];
#pragma unroll
  for (int i = 0; i < kRadix; ++i) {
    const long t = at - before + W::own(i);
    own[i] = {input(series, t, c), input(series, t + step, c)};
  }
  transform<kSize>(own, shared, s.twiddle);
#pragma unroll
  for (int i = 0; i < kRadix; ++i) {
    own[i] = times(own[i], s.spectra[c * kSize + W::own(i)]);
    own[i].y = -own[i].y;
  }
  transform<kSize>(own, shared, s.twiddle);
#pragma unroll
  for (int i = 0; i < kRadix; ++i) {
    const long t = at - before + W::own(i);
    if (t < at) continue;  // the history's wrap
    if (t < tokens) series.y[t * series.ldy + c] = own[i].x;
    if (t + step < tokens) series.y[(t + step) * series.ldy + c] = -own[i].y;
  }
  carry(series, c, blockIdx.y * size_t{W::kThreads} + threadIdx.x, gridDim.y * size_t{W::kThreads});
}

template <int kSize>
void spectra_with(cudaStream_t stream, const FftSpectraArguments& s) {
  launch(fft_spectra_kernel<kSize>, dim3(static_cast<unsigned>(s.channels)),
         dim3(Window<kSize>::kThreads), stream, s);
}

template <int kSize>
void conv_with(cudaStream_t stream, const FftConvArguments& s) {
  const size_t step = kSize - (s.series.lags - 1);
  // Channels first, since neighbours read the same lines of memory.
  launch(fft_conv_kernel<kSize>,
         dim3(static_cast<unsigned>(s.series.channels),
              static_cast<unsigned>(ceil_div(s.series.tokens, 2 * step))),
         dim3(Window<kSize>::kThreads), stream, s);
}

}  // namespace

size_t fft_size(size_t lags) {
  if (lags == 0 || lags > kFftMaxLags)
    throw std::invalid_argument("The FFT convolution takes kernels of 1 to " +
                                std::to_string(kFftMaxLags) + " lags, not of " +
                                std::to_string(lags) + "; long_conv takes any.");
  return *std::find_if(std::begin(kFftSizes), std::end(kFftSizes),
                       [&](size_t size) { return size >= 2 * lags; });
}

std::vector<float2> fft_twiddles(size_t lags) {
  const size_t size = fft_size(lags), quarter = size / 4;
  std::vector<float2> roots(3 * quarter);
  for (size_t i = 0; i < roots.size(); ++i) {
    const size_t turns = (i / quarter + 1) * (i % quarter);
    const double angle =
        -2 * std::numbers::pi * static_cast<double>(turns) / static_cast<double>(size);
    roots[i] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
  }
  return roots;
}

void fft_spectra(cudaStream_t stream, const FftSpectraArguments& s) {
  switch (fft_size(s.lags)) {
    case kFftSizes[0]:
      return spectra_with<kFftSizes[0]>(stream, s);
    case kFftSizes[1]:
      return spectra_with<kFftSizes[1]>(stream, s);
    default:
      return spectra_with<kFftSizes[2]>(stream, s);
  }
}

void fft_conv(cudaStream_t stream, const FftConvArguments& s) {
  switch (fft_size(s.series.lags)) {
    case kFftSizes[0]:
      return conv_with<kFftSizes[0]>(stream, s);
    case kFftSizes[1]:
      return conv_with<kFftSizes[1]>(stream, s);
    default:
      return conv_with<kFftSizes[2]>(stream, s);
  }
}

}  // namespace stateline::kernels::cuda
