#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "testing.h"

#include <bit>

namespace stateline::kernels {
#ifdef STATELINE_HAS_avxvnni_emulated
namespace avxvnni_emulated {
Linear linear;
}
#endif

namespace testing {
namespace {

std::vector<const Kernels*> linear_levels() {
  std::vector<const Kernels*> tables = levels();
#ifdef STATELINE_HAS_avxvnni_emulated
  static const Kernels emulated = [] {
    Kernels kernels = *kernels_for("scalar");
    kernels.level = "avxvnni_emulated";
    kernels.linear = avxvnni_emulated::linear;
    return kernels;
  }();
  if (kernels_for("avx2")) tables.push_back(&emulated);
#endif
  return tables;
}

struct Shape {
  size_t n, k, m;
};
const Shape kShapes[] = {{1, 1, 1},    {5, 3, 2},      {16, 4, 1},    {17, 7, 3},
                         {33, 31, 13}, {48, 64, 12},   {64, 256, 1},  {100, 257, 1},
                         {130, 30, 7}, {1544, 256, 1}, {96, 640, 37}, {200, 65, 25}};

PackedMatrix random_matrix(WeightType type, const Shape& s, Random& random) {
  std::vector<float> scale(s.n);
  for (float& value : scale) value = random.uniform(0.001f, 0.02f);
  if (type == WeightType::f32)
    return PackedMatrix::pack(type, random.normals(s.n * s.k).data(), nullptr, s.n, s.k);
  if (type == WeightType::bf16) {
    std::vector<uint16_t> weights;
    for (const float w : random.normals(s.n * s.k))
      weights.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(w) >> 16));
    return PackedMatrix::pack(type, weights.data(), nullptr, s.n, s.k);
  }
  std::vector<int8_t> weights(s.n * s.k);
  for (int8_t& w : weights) w = static_cast<int8_t>(random.integer(-128, 127));
  return PackedMatrix::pack(type, weights.data(), scale.data(), s.n, s.k);
}

// sum |x||w| for each output: the scale of rounding errors.
std::vector<double> magnitudes(const PackedMatrix& W, const Shape& s, const std::vector<float>& x,
                               size_t ldx) {
  std::vector<double> sums(s.m * s.n);
  std::vector<float> row(s.k);
  for (size_t n = 0; n < s.n; ++n) {
    W.copy_row(n, row.data());
    for (size_t t = 0; t < s.m; ++t) {
      for (size_t i = 0; i < s.k; ++i)
        sums[t * s.n + n] += std::fabs(static_cast<double>(row[i]) * x[t * ldx + i]);
    }
  }
  return sums;
}

void check_shape(const Kernels& level, WeightType type, const Shape& s, unsigned threads) {
  CAPTURE(seed());
  CAPTURE(std::string(level.level));
  CAPTURE(static_cast<int>(type));
  CAPTURE(s.n);
  CAPTURE(s.k);
  CAPTURE(s.m);
  Random random(static_cast<uint32_t>(s.n * 7 + s.k));
  ThreadPool pool(threads);
  const size_t ldx = s.k + 3, ldy = s.n + 5;
  const PackedMatrix W = random_matrix(type, s, random);
  const std::vector<float> x = random.normals(s.m * ldx);
  std::vector<float> expected(s.m * ldy, 42.0f), actual(s.m * ldy, 42.0f);
  reference::linear(pool, W, x.data(), s.m, ldx, expected.data(), ldy);
  level.linear(pool, W, x.data(), s.m, ldx, actual.data(), ldy);
  const std::vector<double> scale = magnitudes(W, s, x, ldx);
  // int8: the integers agree, so only the roundings of two products are left.
  const double tolerance = type == WeightType::int8 ? 5e-7 : 2e-6;
  CHECK(excess(expected, actual, [&](size_t i) {
          return i % ldy < s.n
                     ? tolerance * (type == WeightType::int8 ? std::fabs(expected[i])
                                                             : scale[i / ldy * s.n + i % ldy])
                     : 0.0;
        }) <= 0);
}

TEST_CASE("linear agrees with the reference at every level, type and shape") {
  for (const Kernels* level : linear_levels()) {
    for (const WeightType type : {WeightType::f32, WeightType::bf16, WeightType::int8}) {
      for (const Shape& shape : kShapes) check_shape(*level, type, shape, 1);
      check_shape(*level, type, {1544, 256, 40}, 2);
    }
  }
}

TEST_CASE("a row's result does not depend on the rows beside it") {
  CAPTURE(seed());
  for (const Kernels* level : linear_levels()) {
    CAPTURE(std::string(level->level));
    for (const WeightType type : {WeightType::f32, WeightType::bf16, WeightType::int8}) {
      Random random(11);
      ThreadPool pool(2);
      const Shape s{203, 130, 29};
      const PackedMatrix W = random_matrix(type, s, random);
      const std::vector<float> x = random.normals(s.m * s.k);
      std::vector<float> together(s.m * s.n), alone(s.m * s.n);
      level->linear(pool, W, x.data(), s.m, s.k, together.data(), s.n);
      for (size_t t = 0; t < s.m; ++t)
        level->linear(pool, W, &x[t * s.k], 1, s.k, &alone[t * s.n], s.n);
      CHECK(together == alone);
    }
  }
}

TEST_CASE("int8 results are the same bits on every level") {
  CAPTURE(seed());
  Random random(12);
  ThreadPool pool(1);
  const Shape s{77, 301, 9};
  const PackedMatrix W = random_matrix(WeightType::int8, s, random);
  const std::vector<float> x = random.normals(s.m * s.k);
  std::vector<float> expected(s.m * s.n);
  reference::linear(pool, W, x.data(), s.m, s.k, expected.data(), s.n);
  for (const Kernels* level : linear_levels()) {
    CAPTURE(std::string(level->level));
    std::vector<float> actual(s.m * s.n);
    level->linear(pool, W, x.data(), s.m, s.k, actual.data(), s.n);
    CHECK(expected == actual);
  }
}

TEST_CASE("int8 extremes neither saturate nor wrap") {
  ThreadPool pool(1);
  const size_t k = 640;
  for (const int8_t weight : {int8_t{-128}, int8_t{127}}) {
    for (const float sign : {1.0f, -1.0f}) {
      const std::vector<int8_t> weights(16 * k, weight);
      const std::vector<float> scale(16, 1.0f), x(k, sign);
      const PackedMatrix W =
          PackedMatrix::pack(WeightType::int8, weights.data(), scale.data(), 16, k);
      for (const Kernels* level : linear_levels()) {
        std::vector<float> y(16);
        level->linear(pool, W, x.data(), 1, k, y.data(), 16);
        CHECK(y[5] == doctest::Approx(static_cast<double>(sign) * weight * static_cast<double>(k))
                          .epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("a row of zeros gives zeros, also quantised") {
  Random random(13);
  ThreadPool pool(1);
  const Shape s{20, 40, 1};
  const PackedMatrix W = random_matrix(WeightType::int8, s, random);
  const std::vector<float> x(s.k);
  for (const Kernels* level : linear_levels()) {
    std::vector<float> y(s.n, 1.0f);
    level->linear(pool, W, x.data(), 1, s.k, y.data(), s.n);
    CHECK(y == std::vector<float>(s.n));
  }
}

TEST_CASE("a packed matrix gives its rows back") {
  CAPTURE(seed());
  Random random(14);
  const std::vector<float> weights = random.normals(37 * 11);
  const PackedMatrix W = PackedMatrix::pack(WeightType::f32, weights.data(), nullptr, 37, 11);
  std::vector<float> row(11);
  for (size_t n = 0; n < 37; ++n) {
    W.copy_row(n, row.data());
    CHECK(
        std::equal(row.begin(), row.end(), weights.begin() + static_cast<std::ptrdiff_t>(n * 11)));
  }
}

}  // namespace
}  // namespace testing
}  // namespace stateline::kernels
