// The time-invariant layer: recurrence, blocked scan, direct convolution and convolution by Fourier
// transform are one map. The oracle is the definition in double, from the system as a file has it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <complex>

#include "kernels/fft_conv.h"
#include "testing.h"

namespace stateline::kernels::testing {
namespace {

constexpr double kTolerance = 5e-6;  // of the greatest |C| |x|

// What the definition says, and the greatest |C| |x| on the way there: what y is a sum of, and may
// cancel.
struct Answer {
  std::vector<float> y;
  double scale = 1;
};

struct Shape {
  size_t channels, states, rank;  // rank 0: diagonal
};

// A random stable system and the definition of what it computes.
class System {
 public:
  System(const Shape& shape, uint32_t salt) : shape_(shape) {
    Random random(salt + static_cast<uint32_t>(shape.states * 7 + shape.rank));
    const size_t p = shape.channels, N = shape.states, R = shape.rank;
    B = random.normals(p * N);
    C = random.normals(p * N);
    D = random.normals(p);
    if (R == 0) {
      diagonal(random);
      return;
    }
    decay = 0.996f;  // every mode remembers 250 tokens at most
    P = random.normals(N * R);
    Q.resize(N * R);
    // P = -2 s U, Q = U with |U^T U| about 1 and 0 < s < 1 / 2: I + P Q^T contracts.
    const float scale = 1 / std::sqrt(2 * static_cast<float>(N + R));
    for (float& value : P) value *= scale;
    for (size_t i = 0; i < N * R; ++i) {
      Q[i] = P[i];
      P[i] *= -0.3f * static_cast<float>(1 + i % R) / static_cast<float>(R);
    }
  }

  TimeInvariantSystem prepared() const {
    const size_t p = shape_.channels;
    if (shape_.rank == 0) {
      return TimeInvariantSystem(
          DiagonalSystem{p, shape_.states / 2, re.data(), im.data(), B.data(), C.data(), D.data()});
    }
    return TimeInvariantSystem(LowRankSystem{p, shape_.states, shape_.rank, decay, P.data(),
                                             Q.data(), B.data(), C.data(), D.data()});
  }

  // y [tokens, p] of u [tokens, p], from nothing.
  Answer answer(const std::vector<float>& u) const {
    const size_t p = shape_.channels, tokens = u.size() / p;
    Answer answer{std::vector<float>(u.size())};
    for (size_t c = 0; c < p; ++c) {
      const double read = size_of_C(c);
      std::vector<std::complex<double>> x(shape_.states);
      for (size_t t = 0; t < tokens; ++t) {
        answer.y[t * p + c] = static_cast<float>(step(c, u[t * p + c], x));
        double squares = 0;
        for (const auto& value : x) squares += std::norm(value);
        answer.scale = std::max(answer.scale, read * std::sqrt(squares));
      }
    }
    return answer;
  }

 private:
  void diagonal(Random& random) {
    for (size_t i = 0; i < B.size() / 2; ++i) {
      const float size = 1 - std::pow(10.0f, random.uniform(-4, -0.5f));  // at most 0.9999
      const float angle = random.uniform(-3.1416f, 3.1416f);
      re.push_back(size * std::cos(angle));
      im.push_back(size * std::sin(angle));
    }
  }

  double size_of_C(size_t c) const {
    const size_t N = shape_.rank == 0 ? shape_.states / 2 : shape_.states;
    double squares = 0;
    for (size_t i = c * N; i < (c + 1) * N; ++i) {
      squares += static_cast<double>(C[i]) * C[i];
      if (shape_.rank == 0) squares += static_cast<double>(B[i]) * B[i];
    }
    return std::sqrt(squares);
  }

  double step(size_t c, double u, std::vector<std::complex<double>>& x) const {
    const size_t N = shape_.states, R = shape_.rank, pairs = N / 2;
    double y = D[c] * u;
    if (R == 0) {
      for (size_t i = c * pairs; i < (c + 1) * pairs; ++i) {
        auto& state = x[i - c * pairs];
        state = state * std::complex<double>(re[i], im[i]) + u;
        y += (state * std::complex<double>(B[i], C[i])).real();
      }
      return y;
    }
    std::vector<double> inner(R, 0.0);
    for (size_t n = 0; n < N; ++n)
      for (size_t r = 0; r < R; ++r) inner[r] += Q[n * R + r] * x[n].real();
    for (size_t n = 0; n < N; ++n) {
      double next = x[n].real();
      for (size_t r = 0; r < R; ++r) next += P[n * R + r] * inner[r];
      x[n] = static_cast<double>(decay) * next + B[c * N + n] * u;
      y += C[c * N + n] * x[n].real();
    }
    return y;
  }

  Shape shape_;
  float decay = 0;
  std::vector<float> P, Q, B, C, D, re, im;  // diagonal: B and C are the two parts of CB
};

void check_close(const char* form, const Answer& expected, const std::vector<float>& actual) {
  CAPTURE(std::string(form));
  const double bound = kTolerance * expected.scale;
  CHECK(excess(expected.y, actual, [&](size_t) { return bound; }) <= 0);
}

std::vector<float> run_in_pieces(TiRun& run, ThreadPool& pool, const TimeInvariant& system,
                                 const std::vector<float>& u, size_t first, size_t growth) {
  const size_t p = system.channels, tokens = u.size() / p;
  std::vector<float> state(p * system.states), y(u.size());
  for (size_t t = 0, piece = first; t < tokens; t += piece, piece += growth) {
    run(pool, system, std::min(piece, tokens - t), &u[t * p], p, state.data(), &y[t * p], p);
  }
  return y;
}

const Shape kShapes[] = {{1, 64, 16}, {17, 64, 16}, {3, 7, 3},  {2, 100, 20}, {33, 16, 1},
                         {1, 64, 0},  {19, 32, 0},  {5, 10, 0}, {2, 256, 0},  {1, 256, 64}};

TEST_CASE("recurrence and scan agree with the definition, in one go and cut anywhere") {
  CAPTURE(seed());
  for (const Kernels* level : available_kernels()) {
    for (const Shape& shape : kShapes) {
      for (const size_t tokens : {1, 31, 32, 33, 200, 1100}) {
        if (level == available_kernels().front() && tokens > 200) continue;  // plain, thus slow
        CAPTURE(std::string(level->level));
        CAPTURE(shape.channels);
        CAPTURE(shape.states);
        CAPTURE(shape.rank);
        CAPTURE(tokens);
        const System system(shape, 1);
        const TimeInvariantSystem prepared = system.prepared();
        const TimeInvariant& operators = prepared.operators();
        Random random(static_cast<uint32_t>(tokens));
        const std::vector<float> u = random.normals(tokens * shape.channels);
        const Answer expected = system.answer(u);
        ThreadPool pool(2);
        for (TiRun* run : {level->ti_recurrence, level->ti_scan}) {
          check_close("one go", expected, run_in_pieces(*run, pool, operators, u, tokens, 0));
          check_close("pieces", expected, run_in_pieces(*run, pool, operators, u, 1, 13));
        }
      }
    }
  }
}

TEST_CASE("strides are kept and nothing beside the rows is written") {
  CAPTURE(seed());
  const Shape shape{5, 64, 16};
  const System system(shape, 2);
  const TimeInvariantSystem prepared = system.prepared();
  constexpr size_t kTokens = 150, kIn = 7, kOut = 9;
  Random random(3);
  const std::vector<float> wide = random.normals(kTokens * kIn);
  std::vector<float> u;
  for (size_t t = 0; t < kTokens; ++t)
    u.insert(u.end(), &wide[t * kIn], &wide[t * kIn] + shape.channels);
  const Answer expected = system.answer(u);
  for (const Kernels* level : levels()) {
    std::vector<float> state(shape.channels * prepared.operators().states), y(kTokens * kOut, 7.0f);
    ThreadPool pool(1);
    level->ti_scan(pool, prepared.operators(), kTokens, wide.data(), kIn, state.data(), y.data(),
                   kOut);
    std::vector<float> rows;
    for (size_t t = 0; t < kTokens; ++t) {
      rows.insert(rows.end(), &y[t * kOut], &y[t * kOut] + shape.channels);
      for (size_t c = shape.channels; c < kOut; ++c) CHECK(y[t * kOut + c] == 7.0f);
    }
    check_close("scan", expected, rows);
  }
}

TEST_CASE("direct and Fourier convolution with the system's kernel are the same map") {
  CAPTURE(seed());
  for (const Kernels* level : available_kernels()) {
    for (const Shape& shape : {Shape{3, 64, 16}, Shape{2, 32, 0}}) {
      for (const size_t tokens : {1, 2, 33, 257, 1500}) {
        CAPTURE(std::string(level->level));
        CAPTURE(shape.rank);
        CAPTURE(tokens);
        const System system(shape, 4);
        const TimeInvariantSystem prepared = system.prepared();
        Random random(static_cast<uint32_t>(tokens));
        const size_t p = shape.channels;
        const std::vector<float> u = random.normals(tokens * p);
        const Answer expected = system.answer(u);
        ThreadPool pool(2);
        const std::vector<float> K =
            impulse_response(*level->ti_scan, pool, prepared.operators(), tokens);
        std::vector<float> y(u.size()), past(p * (tokens - 1));
        const LongKernel kernel(p, tokens, K.data());
        level->long_conv(pool, kernel, tokens, u.data(), p, past.data(), y.data(), p);
        check_close("direct", expected, y);
        std::fill(past.begin(), past.end(), 0.0f);
        FftConv(p, tokens, K.data()).run(pool, tokens, u.data(), p, past.data(), y.data(), p);
        check_close("Fourier", expected, y);
      }
    }
  }
}

TEST_CASE(
    "a convolution in pieces carries its history, with kernels shorter and longer than them") {
  CAPTURE(seed());
  constexpr size_t kChannels = 3, kTokens = 700;
  for (const size_t lags : {1, 2, 31, 32, 33, 100, 900}) {
    CAPTURE(lags);
    Random random(static_cast<uint32_t>(lags));
    const std::vector<float> K = random.normals(kChannels * lags);
    const std::vector<float> u = random.normals(kTokens * kChannels);
    const LongKernel kernel(kChannels, lags, K.data());
    const FftConv fft(kChannels, lags, K.data());
    ThreadPool pool(2);
    std::vector<float> expected(u.size()), past(kChannels * (lags - 1));
    reference::long_conv(pool, kernel, kTokens, u.data(), kChannels, past.data(), expected.data(),
                         kChannels);
    const double bound = 4e-6 * static_cast<double>(lags) * 4;
    const auto in_pieces = [&](const auto& run) {
      std::vector<float> y(u.size()), history(kChannels * (lags - 1));
      for (size_t t = 0, piece = 1; t < kTokens; t += piece, piece += 17) {
        run(std::min(piece, kTokens - t), &u[t * kChannels], history.data(), &y[t * kChannels]);
      }
      CHECK(excess(expected, y, [&](size_t) { return bound; }) <= 0);
      CHECK(history == past);
    };
    for (const Kernels* level : available_kernels()) {
      CAPTURE(std::string(level->level));
      in_pieces([&](size_t count, const float* in, float* history, float* out) {
        level->long_conv(pool, kernel, count, in, kChannels, history, out, kChannels);
      });
    }
    in_pieces([&](size_t count, const float* in, float* history, float* out) {
      fft.run(pool, count, in, kChannels, history, out, kChannels);
    });
  }
}

// The lengths that the product is for. The plain forms take too long here on the plain levels.
TEST_CASE("all forms agree with the definition at 4,097 and 65,536 tokens") {
  CAPTURE(seed());
  const Kernels& best = kernels();
  for (const Shape& shape : {Shape{1, 64, 16}, Shape{1, 64, 0}}) {
    for (const size_t tokens : {4097, 65536}) {
      CAPTURE(shape.rank);
      CAPTURE(tokens);
      const System system(shape, 5);
      const TimeInvariantSystem prepared = system.prepared();
      const TimeInvariant& operators = prepared.operators();
      Random random(static_cast<uint32_t>(tokens));
      const std::vector<float> u = random.normals(tokens);
      const Answer expected = system.answer(u);
      ThreadPool pool(2);
      for (const Kernels* level : levels())
        check_close(level->level, expected,
                    run_in_pieces(*level->ti_scan, pool, operators, u, tokens, 0));
      check_close("recurrence", expected,
                  run_in_pieces(*best.ti_recurrence, pool, operators, u, tokens, 0));
      const std::vector<float> K = impulse_response(*best.ti_scan, pool, operators, tokens);
      std::vector<float> y(tokens), past(tokens - 1);
      const LongKernel kernel(1, tokens, K.data());
      best.long_conv(pool, kernel, tokens, u.data(), 1, past.data(), y.data(), 1);
      check_close("direct", expected, y);
      std::fill(past.begin(), past.end(), 0.0f);
      FftConv(1, tokens, K.data()).run(pool, tokens, u.data(), 1, past.data(), y.data(), 1);
      check_close("Fourier", expected, y);
    }
  }
}

}  // namespace
}  // namespace stateline::kernels::testing
