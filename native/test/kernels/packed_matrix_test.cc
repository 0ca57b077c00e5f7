#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "kernels/packed_matrix.h"

#include <bit>
#include <cstring>
#include <numeric>

#include "tensors/half.h"
#include "testing.h"

namespace stateline::kernels::testing {
namespace {

constexpr size_t kSizes[][2] = {{1, 1}, {16, 32}, {37, 11}, {33, 96}, {50, 127}, {17, 320}};

std::vector<float> unpacked(const PackedMatrix& W) {
  std::vector<float> values(W.rows() * W.cols());
  for (size_t n = 0; n < W.rows(); ++n) W.copy_row(n, &values[n * W.cols()]);
  return values;
}

PackedMatrix rounded(DType type, const std::vector<float>& weights, size_t n, size_t k) {
  PackedMatrix W(type, n, k);
  CHECK(W.round_panels(0, W.panels(),
                       [&](size_t row, float* out) { std::copy_n(&weights[row * k], k, out); }));
  return W;
}

std::vector<uint8_t> random_bytes(size_t count, Random& random) {
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.integer(0, 255));
  return bytes;
}

TEST_CASE("values are taken over as they are") {
  CAPTURE(seed());
  Random random(21);
  for (const auto& [n, k] : kSizes) {
    const std::vector<float> weights = random.normals(n * k);
    CHECK(unpacked(PackedMatrix::pack(DType::kF32, weights.data(), nullptr, n, k)) == weights);

    std::vector<uint16_t> shorts;
    std::vector<float> narrow;
    for (const float w : weights) {
      shorts.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(w) >> 16));
      narrow.push_back(f32_from_bf16(shorts.back()));
    }
    CHECK(unpacked(PackedMatrix::pack(DType::kBF16, shorts.data(), nullptr, n, k)) == narrow);

    const std::vector<uint8_t> bytes = random_bytes(n * k, random);
    const std::vector<float> scale = random.normals(n);
    std::vector<float> scaled;
    for (size_t i = 0; i < n * k; ++i)
      scaled.push_back(static_cast<float>(static_cast<int8_t>(bytes[i])) * scale[i / k]);
    const PackedMatrix W = PackedMatrix::pack(DType::kInt8, bytes.data(), scale.data(), n, k);
    CHECK(unpacked(W) == scaled);
    for (size_t row = 0; row < n; ++row) {
      int sum = 0;
      for (size_t i = 0; i < k; ++i) sum += static_cast<int8_t>(bytes[row * k + i]);
      CHECK(W.row_sum()[row] == sum);
    }
  }
}

// Blocks as GGUF has them: an f16 scale, then 32 bytes, or 16 of which the lower halves come first.
TEST_CASE("blocks are taken over as they are") {
  CAPTURE(seed());
  Random random(22);
  for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
    for (const auto& [n, k] : {std::pair<size_t, size_t>{1, 32}, {16, 64}, {37, 96}, {50, 320}}) {
      const size_t size = block_of(type).bytes;
      std::vector<uint8_t> blocks = random_bytes(n * k / 32 * size, random);
      std::vector<float> expected;
      for (uint8_t* block = blocks.data(); block < blocks.data() + blocks.size(); block += size) {
        const auto half = static_cast<uint16_t>(random.integer(0, 0x7bff));  // finite
        std::memcpy(block, &half, sizeof(half));
        for (size_t i = 0; i < 32; ++i) {
          const int value = type == DType::kQ8_0 ? static_cast<int8_t>(block[2 + i])
                                                 : (block[2 + i % 16] >> (i < 16 ? 0 : 4) & 15) - 8;
          expected.push_back(static_cast<float>(value) * f32_from_f16(half));
        }
      }
      CHECK(unpacked(PackedMatrix::pack(type, blocks.data(), nullptr, n, k)) == expected);
    }
  }
}

// How far from w its rounding may be. The scales of blocks are rounded to 11 bits.
double most_off(DType type, float w, double row_top, double block_top) {
  if (type == DType::kF32) return 0;
  if (type == DType::kBF16) return std::fabs(w) / 256;
  if (type == DType::kInt8) return row_top / 127 * 0.501;
  return type == DType::kQ8_0 ? block_top / 127 * 0.501 : block_top / 6.4;
}

TEST_CASE("rounding stays within half a step, whatever the size and the scale") {
  CAPTURE(seed());
  Random random(23);
  for (const DType type : {DType::kF32, DType::kBF16, DType::kInt8, DType::kQ8_0, DType::kQ4_0}) {
    for (const float size : {1.0f, 0.01f, 3e4f}) {
      for (const auto& [n, k] : kSizes) {
        std::vector<float> weights = random.normals(n * k);
        for (float& w : weights) w *= size;
        const std::vector<float> got = unpacked(rounded(type, weights, n, k));
        double worst = -1;
        for (size_t row = 0; row < n; ++row) {
          const float* begin = &weights[row * k];
          const double row_top = largest({begin, begin + k});
          for (size_t i = 0; i < k; ++i) {
            const size_t block = i / 32 * 32;
            const double top = largest({begin + block, begin + std::min(block + 32, k)});
            const double off = std::fabs(static_cast<double>(got[row * k + i]) - begin[i]);
            worst = std::max(worst, off - most_off(type, begin[i], row_top, top));
          }
        }
        CAPTURE(name_of(type));
        CHECK(worst <= 1e-6 * size);
      }
    }
  }
}

TEST_CASE("what sixteen steps can hold exactly is held exactly") {
  CAPTURE(seed());
  Random random(24);
  for (const float scale : {0.25f, -0.25f, 0.0078125f}) {
    std::vector<float> weights(16 * 64);
    for (size_t i = 0; i < weights.size(); ++i)
      weights[i] = scale * static_cast<float>(i % 32 ? random.integer(-8, 7) : -8);
    CHECK(unpacked(rounded(DType::kQ4_0, weights, 16, 64)) == weights);
  }
}

TEST_CASE("blocks of zeros, of next to nothing and of too much stay finite") {
  for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
    for (const float value : {0.0f, 1e-40f, -1e-9f, 1e-6f, 3e38f}) {
      const std::vector<float> got =
          unpacked(rounded(type, std::vector<float>(16 * 40, value), 16, 40));
      const double most = type == DType::kQ8_0 ? 65504.0 * 127 : 65504.0 * 8;
      const double wanted = std::clamp(static_cast<double>(value), -most, most);
      for (const float w : got) CHECK(std::fabs(w - wanted) <= 4e-6 + 0.002 * std::fabs(wanted));
    }
  }
}

TEST_CASE("a weight that is no number is told") {
  for (const DType type : {DType::kF32, DType::kBF16, DType::kInt8, DType::kQ8_0, DType::kQ4_0}) {
    for (const float value : {INFINITY, -INFINITY, std::nanf("")}) {
      PackedMatrix W(type, 20, 40);
      const bool finite = W.round_panels(0, W.panels(), [&](size_t row, float* out) {
        std::fill_n(out, 40, 1.0f);
        if (row == 18) out[37] = value;
      });
      CHECK_FALSE(finite);
    }
  }
}

TEST_CASE("panels packed apart are those packed at once") {
  CAPTURE(seed());
  Random random(25);
  const size_t n = 100, k = 70;
  const std::vector<float> weights = random.normals(n * k);
  const auto row = [&](size_t r, float* out) { std::copy_n(&weights[r * k], k, out); };
  for (const DType type : {DType::kBF16, DType::kInt8, DType::kQ8_0, DType::kQ4_0}) {
    PackedMatrix apart(type, n, k);
    for (const auto& [begin, end] : {std::pair<size_t, size_t>{4, 7}, {0, 1}, {1, 4}})
      CHECK(apart.round_panels(begin, end, row));
    const PackedMatrix once = rounded(type, weights, n, k);
    CHECK(std::memcmp(apart.panel(0), once.panel(0), once.bytes()) == 0);
  }
}

// Relative root mean square of the difference between products by rounded and by true weights and
// activations: what quantising costs, for values as they are drawn.
double loss(DType type, const std::vector<float>& weights, size_t n, size_t k, Random& random) {
  const PackedMatrix W = rounded(type, weights, n, k);
  ThreadPool pool(1);
  const std::vector<float> x = random.normals(k);
  std::vector<float> y(n);
  kernels().linear(pool, W, x.data(), 1, k, y.data(), n);
  double error = 0, size = 0;
  for (size_t row = 0; row < n; ++row) {
    double exact = 0;
    for (size_t i = 0; i < k; ++i) exact += static_cast<double>(weights[row * k + i]) * x[i];
    error += (y[row] - exact) * (y[row] - exact);
    size += exact * exact;
  }
  return std::sqrt(error / size);
}

TEST_CASE("what quantising costs") {
  CAPTURE(seed());
  Random random(26);
  const size_t n = 1024, k = 896;
  const std::vector<float> gaussian = random.normals(n * k);
  std::vector<float> heavy(n * k);  // Student's t with three degrees of freedom
  for (float& w : heavy) {
    float squares = 0;
    for (int i = 0; i < 3; ++i) squares += std::pow(random.normal(), 2.0f);
    w = random.normal() / std::sqrt(squares / 3);
  }
  struct Case {
    DType type;
    double gaussian, heavy;
  };
  for (const Case& c : {Case{DType::kInt8, 0.015, 0.15}, Case{DType::kQ8_0, 0.009, 0.016},
                        Case{DType::kQ4_0, 0.095, 0.15}}) {
    const double normal = loss(c.type, gaussian, n, k, random);
    const double tailed = loss(c.type, heavy, n, k, random);
    MESSAGE(name_of(c.type) << ": Gaussian " << normal << ", heavy-tailed " << tailed);
    CHECK(normal < c.gaussian);
    CHECK(tailed < c.heavy);
  }
}

}  // namespace
}  // namespace stateline::kernels::testing
