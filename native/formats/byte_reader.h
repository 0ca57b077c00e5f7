// Reads a binary file's fields in their order; none reaches beyond the end of its bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "formats/refusal.h"

namespace stateline::formats {

class ByteReader {
 public:
  // `file` is borrowed: it names the bytes where they end too soon.
  ByteReader(std::span<const std::byte> bytes, const std::string& file)
      : bytes_(bytes), file_(file) {}

  // A little-endian number.
  template <typename T>
  T read() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > bytes_.size() - at_) refuse(file_, "ends too soon (is it cut off?)");
    const auto taken = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += taken.size();
    return taken;
  }

  // A text after its length in 8 bytes.
  std::string_view text() {
    const auto taken = take(read<std::uint64_t>());
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

  std::size_t at() const { return at_; }

 private:
  std::span<const std::byte> bytes_;
  const std::string& file_;
  std::size_t at_ = 0;
};

}  // namespace stateline::formats
