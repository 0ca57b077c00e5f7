#include "cases.h"
#include "kernels/cuda/fft_conv.cuh"
#include "kernels/cuda/long_conv.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

constexpr double kDirectBound = 4e-6, kFftBound = 1e-6;  // of sum |K| * max |u|

// A stream of random numbers on the device. Tokens come in one piece or, streaming, in two with the
// history carried over.
class Stream {
 public:
  Stream(Random& random, size_t tokens, size_t channels, size_t lags, bool split)
      : T(tokens),
        p(channels),
        lags(lags),
        cut(split ? static_cast<size_t>(random.integer(1, static_cast<int>(T))) : T),
        ldu(stride_for(random, p)),
        ldy(stride_for(random, p)),
        u(random.normals(extent(T, ldu, p))),
        kernel(random.normals(p * lags)),
        history(random.normals(p * (lags - 1))),
        device_u("u", u),
        before("history", history),
        between("next_history", history.size()),
        after("last history", cut < T ? history.size() : 0),
        y("y", extent(T, ldy, p)) {}

  // convolve(series) for each piece.
  template <class Convolve>
  void run(const Convolve& convolve) {
    LongSeries series{cut,      p,  lags, device_u.data(), ldu, before.data(), between.data(),
                      y.data(), ldy};
    convolve(series);
    if (cut == T) return;
    series.tokens = T - cut;
    series.u += cut * ldu;
    series.y += cut * ldy;
    series.history = between.data();
    series.next_history = after.data();
    convolve(series);
  }

  // |error| <= bound * sum |K| * max |u|; the history is carried exactly.
  Outcome compare(double bound) const {
    std::vector<float> expected(y.size()), past = history;
    ThreadPool pool(1);
    reference::long_conv(pool, LongKernel(p, lags, kernel.data()), T, u.data(), ldu, past.data(),
                         expected.data(), ldy);
    const double largest =
        std::max(kernels::testing::largest(u), kernels::testing::largest(history));
    Outcome outcome;
    const auto actual = y.values(), carried = (cut < T ? after : between).values();
    for (size_t c = 0; c < p; ++c) {
      double weight = 0;
      for (size_t k = 0; k < lags; ++k) weight += std::fabs(kernel[c * lags + k]);
      for (size_t t = 0; t < T; ++t)
        outcome.compare(actual[t * ldy + c], expected[t * ldy + c], bound * weight * largest);
    }
    for (size_t i = 0; i < past.size(); ++i) outcome.compare(carried[i], past[i], 0);
    return outcome;
  }

  const size_t T, p, lags, cut, ldu, ldy;
  const std::vector<float> u, kernel, history;

 private:
  DeviceBuffer<float> device_u, before, between, after, y;
};

Outcome direct(Random& random, bool split) {
  Stream stream(random, size_up_to(random, 300), size_up_to(random, 20), size_up_to(random, 300),
                split);
  DeviceBuffer<float> kernel("kernel", stream.kernel);
  stream.run([&](const LongSeries& series) { long_conv(nullptr, {series, kernel.data()}); });
  return stream.compare(kDirectBound);
}

// One token, or two one after the other.
Outcome step(Random& random) {
  Stream stream(random, static_cast<size_t>(random.integer(1, 2)), size_up_to(random, 20),
                size_up_to(random, 600), true);
  DeviceBuffer<float> kernel("kernel", stream.kernel);
  stream.run([&](const LongSeries& series) { long_conv(nullptr, {series, kernel.data()}); });
  return stream.compare(kDirectBound);
}

// With a transform of `size`: lags that want it, tokens for a pair of windows and a little more.
Outcome fourier(Random& random, size_t size, bool split) {
  const size_t most = size / 2, least = size == kFftSizes[0] ? 1 : size / 8 + 1;
  const size_t lags = std::max(least, size_up_to(random, most));
  Stream stream(random, size_up_to(random, 3 * (size - lags)), size_up_to(random, 4), lags, split);
  DeviceBuffer<float> kernel("kernel", stream.kernel);
  DeviceBuffer<float2> twiddle("twiddle", fft_twiddles(lags)),
      spectra("spectra", stream.p * fft_size(lags));
  fft_spectra(nullptr, {stream.p, lags, kernel.data(), twiddle.data(), spectra.data()});
  stream.run([&](const LongSeries& series) {
    fft_conv(nullptr, {series, twiddle.data(), spectra.data()});
  });
  return stream.compare(kFftBound);
}

}  // namespace

std::vector<Case> long_conv_cases() {
  return {{"long_conv", [](Random& r) { return direct(r, false); }},
          {"long_conv, streaming", [](Random& r) { return direct(r, true); }},
          {"long_conv, a token", step},
          {"fft_conv, 256", [](Random& r) { return fourier(r, 256, false); }},
          {"fft_conv, 1024", [](Random& r) { return fourier(r, 1024, false); }},
          {"fft_conv, 4096", [](Random& r) { return fourier(r, 4096, false); }},
          {"fft_conv, streaming", [](Random& r) { return fourier(r, 256, true); }}};
}

}  // namespace stateline::kernels::cuda::testing
