#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "testing.h"

#include <cstring>

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
    kernels.linear = {avxvnni_emulated::linear};
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

constexpr DType kTypes[] = {DType::kF32, DType::kBF16, DType::kInt8, DType::kQ8_0, DType::kQ4_0};

PackedMatrix rounded(DType type, const std::vector<float>& weights, size_t n, size_t k) {
  PackedMatrix W(type, n, k);
  CHECK(W.round_panels(0, W.panels(),
                       [&](size_t row, float* out) { std::copy_n(&weights[row * k], k, out); }));
  return W;
}

PackedMatrix random_matrix(DType type, const Shape& s, Random& random) {
  return rounded(type, random.normals(s.n * s.k), s.n, s.k);
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

void check_shape(const Kernels& level, DType type, const Shape& s, unsigned threads) {
  CAPTURE(seed());
  CAPTURE(std::string(level.level));
  CAPTURE(name_of(type));
  CAPTURE(s.n);
  CAPTURE(s.k);
  CAPTURE(s.m);
  Random random(static_cast<uint32_t>(s.n * 7 + s.k));
  ThreadPool pool(threads);
  const size_t ldx = s.k + 3, ldy = s.n + 5;
  const PackedMatrix W = random_matrix(type, s, random);
  const std::vector<float> x = random.normals(s.m * ldx);
  std::vector<float> expected(s.m * ldy, 42.0f), actual(s.m * ldy, 42.0f);
  reference::linear(pool, W, x.data(), s.m, ldx, expected.data(), ldy, {});
  level.linear(pool, W, x.data(), s.m, ldx, actual.data(), ldy);
  const std::vector<double> scale = magnitudes(W, s, x, ldx);
  // int8: the integers agree, so only the roundings of two products are left.
  const double tolerance = type == DType::kInt8 ? 5e-7 : 2e-6;
  CHECK(excess(expected, actual, [&](size_t i) {
          return i % ldy < s.n ? tolerance * (type == DType::kInt8 ? std::fabs(expected[i])
                                                                   : scale[i / ldy * s.n + i % ldy])
                               : 0.0;
        }) <= 0);
}

TEST_CASE("linear agrees with the reference at every level, type and shape") {
  for (const Kernels* level : linear_levels()) {
    for (const DType type : kTypes) {
      for (const Shape& shape : kShapes) check_shape(*level, type, shape, 1);
      check_shape(*level, type, {1544, 256, 40}, 2);
    }
  }
}

TEST_CASE("a row's result depends neither on the rows beside it nor on the threads") {
  CAPTURE(seed());
  ThreadPool one(1), two(2);
  for (const Kernels* level : linear_levels()) {
    CAPTURE(std::string(level->level));
    for (const DType type : kTypes) {
      CAPTURE(name_of(type));
      Random random(11);
      const Shape s{203, 130, 29};
      const PackedMatrix W = random_matrix(type, s, random);
      const std::vector<float> x = random.normals(s.m * s.k);
      std::vector<float> alone(s.m * s.n);
      for (size_t t = 0; t < s.m; ++t)
        level->linear(one, W, &x[t * s.k], 1, s.k, &alone[t * s.n], s.n);
      for (size_t m = 2; m <= s.m; ++m) {
        std::vector<float> together(m * s.n);
        level->linear(two, W, x.data(), m, s.k, together.data(), s.n);
        CHECK(std::equal(together.begin(), together.end(), alone.begin()));
      }
    }
  }
}

TEST_CASE("the epilogue scales, adds a bias and adds to what was there") {
  CAPTURE(seed());
  Random random(15);
  ThreadPool pool(1);
  const Shape s{37, 70, 5};
  const std::vector<float> bias = random.normals(s.n), before = random.normals(s.m * s.n);
  auto levels = linear_levels();
  levels.push_back(kernels_for("reference"));
  for (const Kernels* level : levels) {
    CAPTURE(std::string(level->level));
    for (const DType type : kTypes) {
      const PackedMatrix W = random_matrix(type, s, random);
      const std::vector<float> x = random.normals(s.m * s.k);
      std::vector<float> plain(s.m * s.n);
      level->linear(pool, W, x.data(), s.m, s.k, plain.data(), s.n);
      for (const bool add : {false, true}) {
        for (const float* shift : {static_cast<const float*>(nullptr), bias.data()}) {
          std::vector<float> expected(s.m * s.n), actual = before;
          for (size_t i = 0; i < expected.size(); ++i) {
            const float value = plain[i] * 0.37f + (shift ? shift[i % s.n] : 0);
            expected[i] = add ? before[i] + value : value;
          }
          level->linear(pool, W, x.data(), s.m, s.k, actual.data(), s.n, {shift, 0.37f, add});
          const double top = largest(plain) + largest(bias) + largest(before);
          CHECK(excess(expected, actual, [&](size_t) { return 3e-7 * top; }) <= 0);
        }
      }
    }
  }
}

TEST_CASE("int8 results are the same bits on every level") {
  CAPTURE(seed());
  Random random(12);
  ThreadPool pool(1);
  const Shape s{77, 301, 9};
  const PackedMatrix W = random_matrix(DType::kInt8, s, random);
  const std::vector<float> x = random.normals(s.m * s.k);
  std::vector<float> expected(s.m * s.n);
  reference::linear(pool, W, x.data(), s.m, s.k, expected.data(), s.n, {});
  for (const Kernels* level : linear_levels()) {
    CAPTURE(std::string(level->level));
    std::vector<float> actual(s.m * s.n);
    level->linear(pool, W, x.data(), s.m, s.k, actual.data(), s.n);
    CHECK(expected == actual);
  }
}

// One block has one term, so that no level's way of summing shows.
TEST_CASE("a block's result is the same bits on every level") {
  CAPTURE(seed());
  Random random(16);
  ThreadPool pool(1);
  const Shape s{77, 32, 9};
  for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
    const PackedMatrix W = random_matrix(type, s, random);
    const std::vector<float> x = random.normals(s.m * s.k);
    std::vector<float> expected(s.m * s.n), actual(s.m * s.n);
    levels().front()->linear(pool, W, x.data(), s.m, s.k, expected.data(), s.n);
    for (const Kernels* level : linear_levels()) {
      CAPTURE(std::string(level->level));
      level->linear(pool, W, x.data(), s.m, s.k, actual.data(), s.n);
      CHECK(expected == actual);
    }
  }
}

TEST_CASE("int8 extremes neither saturate nor wrap") {
  ThreadPool pool(1);
  const size_t k = 640;
  for (const int8_t weight : {int8_t{-128}, int8_t{127}}) {
    for (const float sign : {1.0f, -1.0f}) {
      const std::vector<int8_t> weights(16 * k, weight);
      const std::vector<float> scale(16, 1.0f), x(k, sign);
      const PackedMatrix W = PackedMatrix::pack(DType::kInt8, weights.data(), scale.data(), 16, k);
      for (const Kernels* level : linear_levels()) {
        std::vector<float> y(16);
        level->linear(pool, W, x.data(), 1, k, y.data(), 16);
        CHECK(y[5] == doctest::Approx(static_cast<double>(sign) * weight * static_cast<double>(k))
                          .epsilon(1e-6));
      }
    }
  }
}

// As blocks of GGUF: k values of `byte` (two weights a byte in kQ4_0) a row, with a scale of one.
PackedMatrix uniform_blocks(DType type, uint8_t byte, size_t n, size_t k) {
  const uint16_t one = 0x3c00;  // f16
  std::vector<uint8_t> blocks(n * k / kBlockValues * block_of(type).bytes, byte);
  for (size_t i = 0; i < blocks.size(); i += block_of(type).bytes)
    std::memcpy(&blocks[i], &one, sizeof(one));
  return PackedMatrix::pack(type, blocks.data(), nullptr, n, k);
}

TEST_CASE("blocks of the greatest weights and activations neither saturate nor wrap") {
  struct Case {
    DType type;
    uint8_t byte;
    int weight;
  };
  ThreadPool pool(1);
  const size_t n = 16, k = 640;
  for (const Case& c : {Case{DType::kQ8_0, 0x80, -128}, Case{DType::kQ8_0, 0x7f, 127},
                        Case{DType::kQ4_0, 0x00, -8}, Case{DType::kQ4_0, 0xff, 7}}) {
    const PackedMatrix W = uniform_blocks(c.type, c.byte, n, k);
    for (const float sign : {1.0f, -1.0f}) {
      const std::vector<float> x(k, sign);
      for (const Kernels* level : linear_levels()) {
        CAPTURE(std::string(level->level));
        std::vector<float> y(n);
        level->linear(pool, W, x.data(), 1, k, y.data(), n);
        CHECK(y[5] == doctest::Approx(static_cast<double>(sign) * c.weight * static_cast<double>(k))
                          .epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("a row of zeros gives zeros, also quantised, and so does one of next to nothing") {
  Random random(13);
  ThreadPool pool(1);
  const Shape s{20, 40, 1};
  for (const DType type : {DType::kInt8, DType::kQ8_0, DType::kQ4_0}) {
    const PackedMatrix W = random_matrix(type, s, random);
    for (const float value : {0.0f, type == DType::kInt8 ? 0.0f : 1e-40f}) {
      const std::vector<float> x(s.k, value);
      for (const Kernels* level : linear_levels()) {
        std::vector<float> y(s.n, 1.0f);
        level->linear(pool, W, x.data(), 1, s.k, y.data(), s.n);
        CHECK(y == std::vector<float>(s.n));
      }
    }
  }
}

TEST_CASE("an outlier among the activations costs the exactness of its own block alone") {
  CAPTURE(seed());
  Random random(17);
  ThreadPool pool(1);
  const size_t n = 48, k = 256;
  std::vector<float> weights = random.normals(n * k), x = random.normals(k), without = x;
  for (size_t row = 0; row < n; ++row) std::fill_n(&weights[row * k + 64], kBlockValues, 0.0f);
  x[70] = 1e6f;
  without[70] = 0;
  for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
    const PackedMatrix W = rounded(type, weights, n, k);
    for (const Kernels* level : linear_levels()) {
      std::vector<float> y(n), expected(n);
      level->linear(pool, W, x.data(), 1, k, y.data(), n);
      level->linear(pool, W, without.data(), 1, k, expected.data(), n);
      CHECK(y == expected);
    }
  }
}

}  // namespace
}  // namespace testing
}  // namespace stateline::kernels
