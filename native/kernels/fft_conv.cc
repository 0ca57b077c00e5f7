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

// One channel's walk over its windows. `series` is the history and the tokens, oldest first.
class Windows {
 public:
  explicit Windows(size_t size) : window_(size), spectrum_(size) {}

  // Outputs of the tokens from `at` and of those from `at + step`, `step` each or what is left.
  template <class Plan>
  void pair(const Plan& plan, size_t c, const std::vector<float>& series, size_t at, float* y,
            size_t ldy, size_t tokens) {
    const auto value = [&](size_t i) {
      return i < series.size() ? static_cast<double>(series[i]) : 0.0;
    };
    const size_t step = plan.step(), overlap = plan.lags - 1;
    for (size_t i = 0; i < plan.size; ++i) window_[i] = {value(at + i), value(at + step + i)};
    plan.forward.transform(window_.data(), spectrum_.data());
    const Complex* kernel = plan.spectra.data() + c * plan.size;
    for (size_t i = 0; i < plan.size; ++i) spectrum_[i] *= kernel[i];
    plan.inverse.transform(spectrum_.data(), window_.data());
    for (size_t i = 0; i < step && at + i < tokens; ++i)
      y[(at + i) * ldy] = static_cast<float>(window_[overlap + i].real());
    for (size_t i = 0; i < step && at + step + i < tokens; ++i)
      y[(at + step + i) * ldy] = static_cast<float>(window_[overlap + i].imag());
  }

 private:
  std::vector<Complex> window_, spectrum_;
};

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
  pool.run(plan.channels, cost, [&](size_t c) {
    Windows work(plan.size);
    std::vector<float> series(before + tokens);
    float* past = history + c * before;
    std::reverse_copy(past, past + before, series.begin());
    for (size_t t = 0; t < tokens; ++t) series[before + t] = u[t * ldu + c];
    for (size_t at = 0; at < tokens; at += 2 * plan.step())
      work.pair(plan, c, series, at, y + c, ldy, tokens);
    std::reverse_copy(series.end() - static_cast<std::ptrdiff_t>(before), series.end(), past);
  });
}

}  // namespace stateline::kernels
