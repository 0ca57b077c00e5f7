// GGUF files for tests, sound or not, part by part.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stateline::testing {

// Little-endian, as this machine stores it.
template <typename T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

inline std::string raw_text(const std::string& text) {
  return raw<std::uint64_t>(text.size()) + text;
}

// The format's numbers for types of values.
enum : std::uint32_t { kUint16 = 2, kUint32 = 4, kInt32 = 5, kBool = 7, kText = 8, kList = 9 };
// And of tensors.
enum : std::uint32_t { kStoredF32 = 0, kStoredQ4_0 = 2, kStoredQ6_K = 14, kStoredIQ4_XS = 23 };

struct GgufWriter {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t pair_count = 0, tensor_count = 0;
  std::string pairs, infos;

  GgufWriter& pair(const std::string& key, std::uint32_t type, const std::string& value) {
    ++pair_count;
    pairs += raw_text(key) + raw(type) + value;
    return *this;
  }
  GgufWriter& number(const std::string& key, std::uint32_t value) {
    return pair(key, kUint32, raw(value));
  }
  GgufWriter& list(const std::string& key, std::uint32_t type, std::uint64_t count,
                   const std::string& items) {
    return pair(key, kList, raw(type) + raw(count) + items);
  }
  // `shape` fastest first.
  GgufWriter& tensor(const std::string& name, const std::vector<std::uint64_t>& shape,
                     std::uint32_t type = kStoredF32, std::uint64_t offset = 0) {
    ++tensor_count;
    infos += raw_text(name) + raw(static_cast<std::uint32_t>(shape.size()));
    for (const std::uint64_t size : shape) infos += raw(size);
    infos += raw(type) + raw(offset);
    return *this;
  }
  // `data` after padding to 32 bytes.
  std::string with(const std::string& data) const {
    std::string out = magic + raw(version) + raw(tensor_count) + raw(pair_count) + pairs + infos;
    out.resize((out.size() + 31) / 32 * 32);
    return out + data;
  }
};

}  // namespace stateline::testing
