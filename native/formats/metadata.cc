#include "formats/metadata.h"

#include <optional>
#include <utility>

#include "formats/json.h"

namespace stateline::formats {
namespace {

constexpr std::uint64_t kMostPairs = 1u << 16;  // real files have some 30
constexpr std::size_t kMostKeyBytes = 0xffff;   // the specification's bound

template <typename T>
T item(std::span<const std::byte> bytes, std::size_t i) {
  T value;
  std::memcpy(&value, &bytes[i * sizeof value], sizeof value);
  return value;
}

std::optional<std::uint64_t> not_negative(std::int64_t value) {
  if (value < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

}  // namespace

Metadata::Metadata(ByteReader& reader, std::uint64_t pairs, std::string file)
    : file_(std::move(file)) {
  if (pairs > kMostPairs) refuse(file_, "has more than " + std::to_string(kMostPairs) + " keys");
  for (std::uint64_t i = 0; i < pairs; ++i) {
    const std::string_view key = reader.text();
    if (key.empty() || key.size() > kMostKeyBytes)
      refuse(file_, "has a key of " + std::to_string(key.size()) + " bytes");
    const Value read = read_value(reader, key);
    if (!values_.emplace(key, read).second) fail(key, "stands there twice");
  }
}

void Metadata::fail(std::string_view key, const std::string& what) const {
  refuse(file_, quoted(std::string(key)) + " " + what);
}

std::size_t Metadata::bytes_of(Type type) {
  switch (type) {
    case Type::kUint8:
    case Type::kInt8:
    case Type::kBool:
      return 1;
    case Type::kUint16:
    case Type::kInt16:
      return 2;
    case Type::kUint32:
    case Type::kInt32:
    case Type::kFloat32:
      return 4;
    case Type::kUint64:
    case Type::kInt64:
    case Type::kFloat64:
      return 8;
    case Type::kText:
    case Type::kList:
      break;
  }
  return 0;
}

Metadata::Type Metadata::read_type(ByteReader& reader, std::string_view key) const {
  const auto type = reader.read<std::uint32_t>();
  if (type > static_cast<std::uint32_t>(Type::kFloat64))
    fail(key, "has the unknown type " + std::to_string(type));
  return static_cast<Type>(type);
}

Metadata::Value Metadata::read_value(ByteReader& reader, std::string_view key) const {
  Type type = read_type(reader, key);
  std::uint64_t count = 1;
  const bool list = type == Type::kList;
  if (list) {
    type = read_type(reader, key);
    if (type == Type::kList) fail(key, "is a list of lists");
    count = reader.read<std::uint64_t>();
  }
  ByteReader begin = reader;
  std::size_t bytes = 0;
  if (type == Type::kText) {
    for (std::uint64_t i = 0; i < count; ++i) reader.text();
    bytes = reader.at() - begin.at();
  } else {
    if (count > SIZE_MAX / sizeof(std::uint64_t)) fail(key, "is longer than any file");
    bytes = static_cast<std::size_t>(count) * bytes_of(type);
    reader.take(bytes);
  }
  return {type, list, static_cast<std::size_t>(count), begin.take(bytes)};
}

const Metadata::Value& Metadata::value(std::string_view key) const {
  const auto it = values_.find(key);
  if (it == values_.end()) fail(key, "is missing");
  return it->second;
}

const Metadata::Value& Metadata::single(std::string_view key) const {
  const Value& found = value(key);
  if (found.list) fail(key, "must not be a list");
  return found;
}

std::size_t Metadata::natural_at(std::string_view key, const Value& value, std::size_t i,
                                 std::size_t min, std::size_t max) const {
  const auto read = [&]() -> std::optional<std::uint64_t> {
    switch (value.type) {
      case Type::kBool:
      case Type::kUint8:
        return item<std::uint8_t>(value.bytes, i);
      case Type::kInt8:
        return not_negative(item<std::int8_t>(value.bytes, i));
      case Type::kUint16:
        return item<std::uint16_t>(value.bytes, i);
      case Type::kInt16:
        return not_negative(item<std::int16_t>(value.bytes, i));
      case Type::kUint32:
        return item<std::uint32_t>(value.bytes, i);
      case Type::kInt32:
        return not_negative(item<std::int32_t>(value.bytes, i));
      case Type::kUint64:
        return item<std::uint64_t>(value.bytes, i);
      case Type::kInt64:
        return not_negative(item<std::int64_t>(value.bytes, i));
      default:
        return std::nullopt;
    }
  };
  const std::optional<std::uint64_t> number = read();
  if (!number || *number < min || *number > max || (value.type == Type::kBool && *number > 1))
    fail(key, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
  return static_cast<std::size_t>(*number);
}

std::size_t Metadata::natural(std::string_view key, std::size_t min, std::size_t max) const {
  return natural_at(key, single(key), 0, min, max);
}

double Metadata::real(std::string_view key, double min, double max) const {
  const Value& found = single(key);
  const auto read = [&]() -> std::optional<double> {
    if (found.type == Type::kFloat32) return item<float>(found.bytes, 0);
    if (found.type == Type::kFloat64) return item<double>(found.bytes, 0);
    return std::nullopt;
  };
  const std::optional<double> number = read();
  if (!number || !(*number >= min && *number <= max))
    fail(key, "must be a number from " + std::to_string(min) + " to " + std::to_string(max));
  return *number;
}

bool Metadata::flag(std::string_view key) const {
  const Value& found = single(key);
  if (found.type != Type::kBool || item<std::uint8_t>(found.bytes, 0) > 1)
    fail(key, "must be true or false");
  return item<std::uint8_t>(found.bytes, 0) == 1;
}

std::string_view Metadata::text(std::string_view key, std::size_t most_bytes) const {
  const Value& found = single(key);
  const bool is_text = found.type == Type::kText;
  const std::string_view text = is_text ? ByteReader(found.bytes, file_).text() : "";
  if (!is_text || text.size() > most_bytes)
    fail(key, "must be a text of at most " + std::to_string(most_bytes) + " bytes");
  return text;
}

std::vector<std::size_t> Metadata::naturals(std::string_view key, std::size_t count,
                                            std::size_t min, std::size_t max) const {
  const Value& found = value(key);
  if (!found.list) return std::vector<std::size_t>(count, natural_at(key, found, 0, min, max));
  if (found.count != count)
    fail(key, "has " + std::to_string(found.count) + " items where there must be " +
                  std::to_string(count));
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < count; ++i) numbers.push_back(natural_at(key, found, i, min, max));
  return numbers;
}

std::size_t Metadata::length(std::string_view key) const {
  const Value& found = value(key);
  if (!found.list) fail(key, "must be a list");
  return found.count;
}

}  // namespace stateline::formats
