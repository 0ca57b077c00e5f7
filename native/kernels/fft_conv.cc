#include "kernels/fft_conv.h"

#include <kissfft/kissfft.hh>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <complex>
#include <vector>

namespace stateline::kernels {

// In double: the library's factors in float are off by 4e-7, and it is as fast (it has no vectors).
using Complex = std::complex<double>;

struct FftConv::Plan {
  size_t channels, lags, size;
  kissfft<double> forward, inverse;
  std::vector<Complex> spectra;  // [channels, size], each over size: the inverse does not scale

  Plan(size_t p, size_t n)
      : channels(p),
        lags(n),
        size(std::bit_ceil(2 * n)),
        forward(size, false),
        inverse(size, true),
        spectra(p * size) {}

  size_t step() const { return size - (lags - 1); }
};

namespace {

// A place to work on one channel at a time.
struct Work {
  std::vector<float> series;  // the history and the tokens, oldest first
  std::vector<Complex> window, spectrum;
};

// Outputs of the tokens from `at` and of those from `at + step`, `step` each or what is left.
template <class Plan>
void convolve_pair(const Plan& plan, size_t c, Work& work, size_t at, size_t tokens, float* y,
                   size_t ldy) {
  const auto value = [&](size_t i) {
    return i < work.series.size() ? static_cast<double>(work.series[i]) : 0.0;
  };
  const size_t step = plan.step(), overlap = plan.lags - 1;
  for (size_t i = 0; i < plan.size; ++i) work.window[i] = {value(at + i), value(at + step + i)};
  plan.forward.transform(work.window.data(), work.spectrum.data());
  const Complex* kernel = plan.spectra.data() + c * plan.size;
  for (size_t i = 0; i < plan.size; ++i) work.spectrum[i] *= kernel[i];
  plan.inverse.transform(work.spectrum.data(), work.window.data());
  for (size_t i = 0; i < step && at + i < tokens; ++i)
    y[(at + i) * ldy] = static_cast<float>(work.window[overlap + i].real());
  for (size_t i = 0; i < step && at + step + i < tokens; ++i)
    y[(at + step + i) * ldy] = static_cast<float>(work.window[overlap + i].imag());
}

}  // namespace

FftConv::FftConv(size_t channels, size_t lags, const float* kernel)
    : plan_(std::make_unique<Plan>(channels, lags)) {
  assert(lags > 0);
  std::vector<Complex> padded(plan_->size);
  const double scale = 1.0 / static_cast<double>(plan_->size);
  for (size_t c = 0; c < channels; ++c) {
    for (size_t k = 0; k < lags; ++k) padded[k] = kernel[c * lags + k] * scale;
    plan_->forward.transform(padded.data(), plan_->spectra.data() + c * plan_->size);
  }
}

FftConv::FftConv(FftConv&&) noexcept = default;
FftConv::~FftConv() = default;

size_t FftConv::channels() const { return plan_->channels; }
size_t FftConv::lags() const { return plan_->lags; }
size_t FftConv::bytes() const { return plan_->spectra.size() * sizeof(Complex); }

void FftConv::run(ThreadPool& pool, size_t tokens, const float* u, size_t ldu, float* history,
                  float* y, size_t ldy) const {
  const Plan& plan = *plan_;
  const size_t before = plan.lags - 1;
  const double length = static_cast<double>(plan.size);
  const double windows = std::ceil(static_cast<double>(tokens) / static_cast<double>(plan.step()));
  const double cost = windows * static_cast<double>(plan.channels) * length * std::log2(length);
  const size_t blocks = std::min<size_t>(plan.channels, pool.threads());
  const Work place{std::vector<float>(before + tokens), std::vector<Complex>(plan.size),
                   std::vector<Complex>(plan.size)};
  std::vector<Work> places(blocks, place);  // here, since a block must not throw
  pool.run(blocks, cost, [&](size_t block) {
    Work& work = places[block];
    for (size_t c = block; c < plan.channels; c += blocks) {
      float* past = history + c * before;
      std::reverse_copy(past, past + before, work.series.begin());
      for (size_t t = 0; t < tokens; ++t) work.series[before + t] = u[t * ldu + c];
      for (size_t at = 0; at < tokens; at += 2 * plan.step())
        convolve_pair(plan, c, work, at, tokens, y + c, ldy);
      std::reverse_copy(work.series.end() - static_cast<std::ptrdiff_t>(before), work.series.end(),
                        past);
    }
  });
}

}  // namespace stateline::kernels
