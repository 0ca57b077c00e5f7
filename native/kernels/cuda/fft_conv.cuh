// kernels/fft_conv.h on a GPU, with a transform of its own in shared memory and in f32: |error| <=
// 1e-6 * sum |K| * max |u| against a double sum.
#pragma once

#include <vector>

#include "kernels/cuda/long_series.cuh"

namespace stateline::kernels::cuda {

// The transforms there are: powers of four. The greatest takes 34 of the 48 KiB of shared memory a
// block has without opting in.
constexpr size_t kFftSizes[] = {256, 1024, 4096};
constexpr size_t kFftMaxLags = 2048;

// The transform for so many lags: the first that is at least twice as long. Throws
// std::invalid_argument for none or for more than kFftMaxLags, as all that follows does.
size_t fft_size(size_t lags);

// The roots of unity that such a transform reads, [3, size / 4]: exp(-2 pi i (r + 1) m / size) at
// r, m. For the caller to put on the device.
std::vector<float2> fft_twiddles(size_t lags);

struct FftSpectraArguments {
  size_t channels, lags;
  const float* kernel;    // [channels, lags]
  const float2* twiddle;  // of fft_twiddles
  float2* spectra;        // [channels, size]: those of the kernels, over size
};
// Once a kernel, before fft_conv.
void fft_spectra(cudaStream_t stream, const FftSpectraArguments& arguments);

struct FftConvArguments {
  LongSeries series;
  const float2* twiddle;  // of fft_twiddles
  const float2* spectra;  // of fft_spectra
};

// Overlap-save: a block takes two windows of a channel that follow each other, as the real and the
// imaginary part of one transform; a window gives size - (lags - 1) outputs.
void fft_conv(cudaStream_t stream, const FftConvArguments& arguments);

}  // namespace stateline::kernels::cuda
