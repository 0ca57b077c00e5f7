// Numbers that PyTorch wrote for the tests.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace stateline::testing {

// golden.safetensors; it holds I32 tensors, which the engine's own reader has no business to
// accept.
class Golden {
 public:
  explicit Golden(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(stream), {});
    REQUIRE(bytes_.size() > 8);
    std::uint64_t length;
    std::memcpy(&length, bytes_.data(), sizeof length);
    header_ = nlohmann::json::parse(bytes_.substr(8, length));
    data_ = 8 + length;
  }

  template <typename T>
  std::vector<T> read(const std::string& name) const {
    const std::size_t begin = header_.at(name).at("data_offsets")[0],
                      end = header_.at(name).at("data_offsets")[1];
    std::vector<T> values((end - begin) / sizeof(T));
    std::memcpy(values.data(), bytes_.data() + data_ + begin, end - begin);
    return values;
  }

 private:
  std::string bytes_;
  nlohmann::json header_;
  std::size_t data_ = 0;
};

}  // namespace stateline::testing
