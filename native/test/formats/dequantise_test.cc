// Rows of every stored type against those of PyPI's gguf: model/golden_dequantise.py.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "formats/dequantise.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "formats/error.h"
#include "formats/gguf.h"
#include "formats/mapped_file.h"
#include "tensors/half.h"
#include "test/engine/golden.h"

namespace stateline::testing {
namespace {

const auto kFolder = std::filesystem::path(__FILE__).parent_path();

std::vector<std::uint32_t> bits(const std::vector<float>& values) {
  std::vector<std::uint32_t> out;
  for (const float value : values) out.push_back(std::bit_cast<std::uint32_t>(value));
  return out;
}

TEST_CASE("every stored type is, bit for bit, what the reference makes of it") {
  const formats::MappedFile file(kFolder / "types.gguf");
  const Golden golden(kFolder / "values.safetensors");
  const formats::Tensors tensors = formats::read_gguf(file.bytes(), file.name()).tensors;
  CHECK(tensors.size() == 11);
  for (const auto& [name, tensor] : tensors) {
    CAPTURE(name);
    CHECK(tensor.shape == std::vector<std::size_t>{3, 512});
    CHECK(bits(formats::to_f32(tensor)) == bits(golden.read<float>(name)));
  }
}

TEST_CASE("rows can be read apart, and from any address") {
  const formats::MappedFile file(kFolder / "types.gguf");
  for (const auto& [name, tensor] : formats::read_gguf(file.bytes(), file.name()).tensors) {
    CAPTURE(name);
    const std::vector<float> whole = formats::to_f32(tensor);
    const std::size_t row = tensor.data.size() / 3;
    std::vector<std::byte> moved(row + 1);
    std::copy_n(tensor.data.begin() + static_cast<std::ptrdiff_t>(row), row, moved.begin() + 1);
    std::vector<float> second(512);
    formats::dequantise(tensor.dtype, &moved[1], 512, second.data());
    CHECK(bits(second) == bits({whole.begin() + 512, whole.begin() + 1024}));
  }
}

TEST_CASE("8-bit integers without their scales are refused") {
  const std::byte stored{1};
  float value = 0;
  CHECK_THROWS_AS(formats::dequantise(DType::kInt8, &stored, 1, &value), Error);
}

// By the definition of IEEE 754: (-1)^sign 2^(exponent - 15) 1.fraction, or 0.fraction at the
// bottom.
TEST_CASE("all 65,536 half floats are what the standard says") {
  int wrong = 0;
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const int exponent = static_cast<int>(h >> 10 & 31), fraction = static_cast<int>(h & 1023);
    const double sign = h >> 15 ? -1 : 1;
    const double expected = exponent == 0   ? std::ldexp(fraction, -24)
                            : exponent < 31 ? std::ldexp(1024 + fraction, exponent - 25)
                            : fraction == 0 ? HUGE_VAL
                                            : NAN;
    const float value = f32_from_f16(static_cast<std::uint16_t>(h));
    const bool same = std::isnan(expected)
                          ? std::isnan(value)
                          : value == sign * expected && std::signbit(value) == (sign < 0);
    wrong += !same;
  }
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace stateline::testing
