// The metadata of a GGUF file: keys and typed values, each bounded where it is asked for, as Fields
// does for a config.json.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/byte_reader.h"

namespace stateline::formats {

class Metadata {
 public:
  // Reads `pairs` keys and values. The values stay where they are: `reader`'s bytes must outlive
  // this. Throws Error(kInvalidModel).
  Metadata(ByteReader& reader, std::uint64_t pairs, std::string file);

  bool contains(std::string_view key) const { return values_.find(key) != values_.end(); }

  // Each throws Error(kInvalidModel), in one sentence with the file and the key, unless the value
  // is there, of that kind and within its bounds. A flag counts as 0 or 1.
  std::size_t natural(std::string_view key, std::size_t min, std::size_t max) const;
  double real(std::string_view key, double min, double max) const;
  bool flag(std::string_view key) const;
  // A view into the file, which may hold any bytes.
  std::string_view text(std::string_view key, std::size_t most_bytes) const;
  // `count` numbers: a list of as many, or one number that stands for all.
  std::vector<std::size_t> naturals(std::string_view key, std::size_t count, std::size_t min,
                                    std::size_t max) const;
  // A list's length, such as that of the vocabulary.
  std::size_t length(std::string_view key) const;

  [[noreturn]] void fail(std::string_view key, const std::string& what) const;

 private:
  // GGUF's numbers for them.
  enum class Type : std::uint32_t {
    kUint8,
    kInt8,
    kUint16,
    kInt16,
    kUint32,
    kInt32,
    kFloat32,
    kBool,
    kText,
    kList,
    kUint64,
    kInt64,
    kFloat64
  };
  struct Value {
    Type type;  // of a list, that of its items
    bool list;
    std::size_t count;  // of items, 1 unless it is a list
    std::span<const std::byte> bytes;
  };

  static std::size_t bytes_of(Type type);
  Type read_type(ByteReader& reader, std::string_view key) const;
  Value read_value(ByteReader& reader, std::string_view key) const;
  const Value& value(std::string_view key) const;
  // The value, which is no list.
  const Value& single(std::string_view key) const;
  // Item `i` of a value of numbers, if it is an integer or a flag from `min` to `max`.
  std::size_t natural_at(std::string_view key, const Value& value, std::size_t i, std::size_t min,
                         std::size_t max) const;

  std::string file_;
  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace stateline::formats
