// The operations that work row by row: norms, convolution, gates, sampling.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "testing.h"

namespace stateline::kernels::testing {
namespace {

const size_t kWidths[] = {1, 3, 4, 15, 16, 17, 32, 64, 100, 257};

TEST_CASE("rms_norm agrees with the reference, by rows and by heads, in place too") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const size_t width : kWidths) {
      CAPTURE(std::string(level->level));
      CAPTURE(width);
      Random random(static_cast<uint32_t>(width));
      const size_t rows = 3, groups = 5, ld = groups * width + 2;
      const std::vector<float> x = random.normals(rows * ld),
                               weight = random.normals(groups * width);
      std::vector<float> expected = x, actual = x;
      reference::rms_norm(rows, groups, width, x.data(), ld, weight.data(), 1e-5f, expected.data(),
                          ld);
      level->rms_norm(rows, groups, width, actual.data(), ld, weight.data(), 1e-5f, actual.data(),
                      ld);
      CHECK(excess(expected, actual, [&](size_t i) { return 2e-6 * std::fabs(expected[i]); }) <= 0);
    }
  }
}

// As the gated delta rule wants its keys and queries: x / sqrt(sum x^2 + eps).
TEST_CASE("rms_norm with a weight of 1 / sqrt(width) and eps / width gives rows of unit length") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const size_t width : kWidths) {
      CAPTURE(std::string(level->level));
      CAPTURE(width);
      const float n = static_cast<float>(width);
      std::vector<float> x = Random(static_cast<uint32_t>(width)).normals(width), unit(width);
      for (const float scale : {1.0f, 1e-3f}) {  // where eps counts
        for (float& value : x) value *= scale;
        const std::vector<float> weight(width, 1 / std::sqrt(n));
        level->rms_norm(1, 1, width, x.data(), width, weight.data(), 1e-6f / n, unit.data(), width);
        double squares = 1e-6;
        for (const float value : x) squares += static_cast<double>(value) * value;
        for (size_t i = 0; i < width; ++i)
          CHECK(unit[i] == doctest::Approx(x[i] / std::sqrt(squares)).epsilon(2e-6));
      }
    }
  }
}

TEST_CASE("causal_conv agrees with the reference however the tokens are cut") {
  CAPTURE(seed());
  struct Form {
    size_t width;
    bool bias, silu;
  };
  const auto check = [](const Kernels* level, size_t channels, const Form& form) {
    CAPTURE(std::string(level->level));
    CAPTURE(channels);
    CAPTURE(form.width);
    Random random(static_cast<uint32_t>(channels));
    ThreadPool pool(2);
    const size_t tokens = 97, ld = channels + 3;
    const std::vector<float> x = random.normals(tokens * ld), bias = random.normals(channels);
    const std::vector<float> weight = random.normals(form.width * channels);
    std::vector<float> expected_history((form.width - 1) * channels), history = expected_history;
    std::vector<float> expected(tokens * channels), actual(tokens * channels);
    CausalConvArguments s{tokens,
                          channels,
                          x.data(),
                          ld,
                          weight.data(),
                          form.bias ? bias.data() : nullptr,
                          expected_history.data(),
                          expected.data(),
                          channels,
                          form.width,
                          form.silu};
    reference::causal_conv(pool, s);
    s.history = history.data();
    for (size_t t = 0, count = 1; t < tokens; t += count, ++count) {
      s.tokens = std::min(count, tokens - t);
      s.x = &x[t * ld];
      s.y = &actual[t * channels];
      level->causal_conv(pool, s);
    }
    CHECK(excess(expected, actual, [](size_t) { return 4e-6 * 4; }) <= 0);
    CHECK(expected_history == history);
  };
  for (const Kernels* level : levels()) {
    for (const size_t channels : kWidths) {
      for (const Form& form :
           {Form{4, true, true}, {4, false, true}, {3, false, false}, {2, true, false}})
        check(level, channels, form);
    }
  }
}

TEST_CASE("silu_mul, sigmoid_mul, add and add_scaled agree with the reference") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const size_t width : kWidths) {
      CAPTURE(std::string(level->level));
      CAPTURE(width);
      Random random(static_cast<uint32_t>(width));
      ThreadPool pool(2);
      const size_t rows = 4, groups = 3, ld = groups * width + 1;
      std::vector<float> gate = random.normals(rows * ld);
      for (float& g : gate) g *= 30;  // both tails of the sigmoid
      const std::vector<float> up = random.normals(rows * ld), scale = random.normals(groups);
      std::vector<float> expected = gate, actual = gate;
      reference::silu_mul(pool, rows, groups * width, gate.data(), ld, up.data(), ld,
                          expected.data(), ld);
      level->silu_mul(pool, rows, groups * width, actual.data(), ld, up.data(), ld, actual.data(),
                      ld);
      CHECK(excess(expected, actual,
                   [&](size_t i) { return 1e-6 * std::fabs(expected[i]) + 1e-35; }) <= 0);

      actual = gate;
      reference::sigmoid_mul(pool, rows, groups * width, gate.data(), ld, up.data(), ld,
                             expected.data(), ld);
      level->sigmoid_mul(pool, rows, groups * width, actual.data(), ld, up.data(), ld,
                         actual.data(), ld);
      CHECK(excess(expected, actual,
                   [&](size_t i) { return 1e-6 * std::fabs(expected[i]) + 1e-35; }) <= 0);

      expected = actual = gate;
      reference::add(rows, groups * width, up.data(), ld, expected.data(), ld);
      level->add(rows, groups * width, up.data(), ld, actual.data(), ld);
      CHECK(expected == actual);

      reference::add_scaled(rows, groups, width, scale.data(), up.data(), ld, expected.data(), ld);
      level->add_scaled(rows, groups, width, scale.data(), up.data(), ld, actual.data(), ld);
      CHECK(excess(expected, actual,
                   [&](size_t i) { return 2e-7 * (std::fabs(expected[i]) + 10); }) <= 0);
    }
  }
}

TEST_CASE("gelu agrees with the exact form, in both tails") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const size_t width : kWidths) {
      CAPTURE(std::string(level->level));
      CAPTURE(width);
      Random random(static_cast<uint32_t>(width));
      ThreadPool pool(2);
      const size_t rows = 5, ld = width + 1;
      std::vector<float> x = random.normals(rows * ld);
      for (size_t i = 0; i < x.size(); i += 3) x[i] *= 8;
      std::vector<float> expected = x, actual = x;
      reference::gelu(pool, rows, width, x.data(), ld, expected.data(), ld);
      level->gelu(pool, rows, width, actual.data(), ld, actual.data(), ld);
      CHECK(excess(expected, actual,
                   [&](size_t i) { return 4e-7 * std::max(1.0f, std::fabs(x[i])); }) <= 0);
    }
  }
}

TEST_CASE("rotate agrees with the reference, and a score depends on the distance alone") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const auto& [width, rest] :
         {std::pair<size_t, size_t>{2, 0}, {6, 1}, {16, 48}, {32, 0}, {64, 192}}) {
      CAPTURE(std::string(level->level));
      CAPTURE(width);
      Random random(static_cast<uint32_t>(width));
      const size_t rows = 4, heads = 3, head_dim = width + rest, ld = heads * head_dim + 1;
      std::vector<float> cosines(rows * width / 2), sines(rows * width / 2);
      rotary_angles(rows, 1'000'000, width, cosines.data(), sines.data(), 1e7);
      const std::vector<float> x = random.normals(rows * ld);
      std::vector<float> expected = x, actual = x;
      reference::rotate(rows, heads, head_dim, width, cosines.data(), sines.data(), expected.data(),
                        ld);
      level->rotate(rows, heads, head_dim, width, cosines.data(), sines.data(), actual.data(), ld);
      CHECK(excess(expected, actual, [](size_t) { return 2e-6; }) <= 0);

      const std::vector<float> row = random.normals(width);
      double scores[2];
      for (const uint64_t first : {uint64_t{0}, uint64_t{999'983}}) {
        std::vector<float> pair = row;
        pair.insert(pair.end(), row.begin(), row.end());
        rotary_angles(2, first, width, cosines.data(), sines.data(), 1e11);
        level->rotate(2, 1, width, width, cosines.data(), sines.data(), pair.data(), width);
        double dot = 0;
        for (size_t i = 0; i < width; ++i) dot += static_cast<double>(pair[i]) * pair[width + i];
        scores[first != 0] = dot;
      }
      CHECK(std::fabs(scores[0] - scores[1]) <= 4e-6 * static_cast<double>(width));
    }
  }
}

TEST_CASE("discretise agrees with the reference, also far out on both ends of softplus") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const auto& [heads, limits] : {std::pair<size_t, bool>{1, false},
                                        {5, false},
                                        {8, true},
                                        {16, false},
                                        {19, false},
                                        {19, true}}) {
      CAPTURE(std::string(level->level));
      CAPTURE(heads);
      CAPTURE(limits);
      Random random(static_cast<uint32_t>(heads));
      const size_t rows = 200, ldu = heads + 2, n = rows * heads;
      std::vector<float> u;
      for (size_t i = 0; i < rows * ldu; ++i) u.push_back(random.uniform(-35, 35));
      for (size_t i = 0; i < rows * ldu; i += 2) u[i] = random.normal();
      const std::vector<float> bias = random.normals(heads), A_log = random.normals(heads);
      std::vector<float> dt(n), a(n), log_dt(n), exact_dt(n), exact_a(n), exact_log(n);
      DiscretiseArguments s{rows,
                            heads,
                            u.data(),
                            ldu,
                            bias.data(),
                            A_log.data(),
                            exact_dt.data(),
                            exact_a.data(),
                            exact_log.data()};
      if (limits) s.dt_min = 0.01f, s.dt_max = 5;
      reference::discretise(s);
      s.dt = dt.data(), s.a = a.data(), s.log_dt = log_dt.data();
      level->discretise(s);
      s.log_dt = nullptr;
      level->discretise(s);
      // u + bias is rounded before the exponential, which multiplies that rounding by up to |u|.
      CHECK(excess(exact_dt, dt, [&](size_t i) { return 6e-6 * exact_dt[i]; }) <= 0);
      CHECK(excess(exact_a, a, [&](size_t i) { return 6e-6 * std::fabs(exact_a[i]); }) <= 0);
      CHECK(excess(exact_log, log_dt,
                   [&](size_t i) { return 6e-6 + 1e-6 * std::fabs(exact_log[i]); }) <= 0);
    }
  }
}

TEST_CASE("softmax, log_sum_exp and argmax agree with the reference") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const size_t n : {1, 2, 15, 16, 17, 100, 4096}) {
      CAPTURE(std::string(level->level));
      CAPTURE(n);
      Random random(static_cast<uint32_t>(n));
      std::vector<float> x = random.normals(n);
      for (float& value : x) value *= 20;
      std::vector<float> expected(n), actual(n);
      reference::softmax(n, x.data(), 0.7f, expected.data());
      level->softmax(n, x.data(), 0.7f, actual.data());
      CHECK(excess(expected, actual, [](size_t) { return 1e-6; }) <= 0);
      const float exact = reference::log_sum_exp(n, x.data());
      CHECK(std::fabs(level->log_sum_exp(n, x.data()) - exact) <= 1e-6 * (1 + std::fabs(exact)));
      CHECK(level->argmax(n, x.data()) == reference::argmax(n, x.data()));
    }
  }
}

TEST_CASE("argmax takes the first of equals and never a NaN") {
  std::vector<float> x(40, 1.0f);
  x[0] = NAN;
  x[7] = x[23] = 2.0f;
  x[39] = NAN;
  for (const Kernels* level : available_kernels()) CHECK(level->argmax(x.size(), x.data()) == 7);
}

// silu_mul with an up of 1 shows exp: x / silu(x) - 1 = e^-x.
TEST_CASE("the vector exponential keeps its stated error") {
  for (const Kernels* level : levels()) {
    CAPTURE(std::string(level->level));
    std::vector<float> x, weights;
    for (float value = -87.0f; value <= 0; value += 0.01f) x.push_back(value);
    weights.resize(x.size());
    x.back() = 0;
    level->softmax(x.size(), x.data(), 1.0f, weights.data());
    const double one = weights.back();
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      if (weights[i] < 1e-36f) continue;  // near the subnormals, which the division makes
      worst =
          std::max(worst, std::fabs(weights[i] / one / std::exp(static_cast<double>(x[i])) - 1));
    }
    CHECK(worst <= 6e-7);  // 3e-7 of exp, and the roundings of the normalisation
  }
}

}  // namespace
}  // namespace stateline::kernels::testing
