#include "formats/safetensors.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "formats/json.h"
#include "formats/refusal.h"

namespace stateline::formats {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 16u << 20;  // ours is below 20 KB
constexpr std::size_t kMaxRank = 8;
constexpr int kMaxHeaderDepth = 3;  // header > tensor > shape

std::uint64_t read_length(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
  return length;
}

std::optional<DType> parse_dtype(const std::string& name) {
  if (name == "F32") return DType::kF32;
  if (name == "F16") return DType::kF16;
  if (name == "BF16") return DType::kBF16;
  if (name == "I8") return DType::kInt8;
  return std::nullopt;
}

// Fails unless `list` is an array of at most `max` non-negative integers.
std::vector<std::uint64_t> read_integers(const Json& list, std::size_t max, const std::string& file,
                                         const std::string& what) {
  if (!list.is_array() || list.size() > max)
    refuse(file, what + " is not a short list of integers");
  std::vector<std::uint64_t> out;
  for (const Json& item : list) {
    if (!item.is_number_unsigned())
      refuse(file, what + " holds something that is no natural number");
    out.push_back(item.get<std::uint64_t>());
  }
  return out;
}

Tensor read_entry(const std::string& file, const std::string& name, const Json& entry,
                  std::span<const std::byte> data) {
  const std::string what = "tensor " + quoted(name);
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets") || !entry["dtype"].is_string())
    refuse(file, what + " lacks its dtype, shape or data_offsets");
  const std::optional<DType> dtype = parse_dtype(entry["dtype"].get<std::string>());
  if (!dtype) {
    refuse(file, what + " has dtype " + quoted(entry["dtype"].get<std::string>()) +
                     ", but only F32, F16, BF16 and I8 are supported");
  }
  const auto shape64 = read_integers(entry["shape"], kMaxRank, file, what + ": shape");
  const auto offsets = read_integers(entry["data_offsets"], 2, file, what + ": data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1]) refuse(file, what + " has unordered offsets");
  if (offsets[1] > data.size())
    refuse(file, what + " lies beyond the end of the file (is it cut off?)");
  std::vector<std::size_t> shape;
  for (const std::uint64_t size : shape64) {
    if (size > std::numeric_limits<std::size_t>::max()) refuse(file, what + " is too large");
    shape.push_back(static_cast<std::size_t>(size));
  }
  const std::optional<std::uint64_t> bytes = stored_bytes(*dtype, shape);
  if (!bytes || *bytes != offsets[1] - offsets[0])
    refuse(file, what + " has a shape that does not match its length");
  const auto begin = static_cast<std::size_t>(offsets[0]);
  return {*dtype, std::move(shape), data.subspan(begin, static_cast<std::size_t>(*bytes))};
}

// Tensors must tile the data exactly: no overlap, no hole, nothing left over.
void check_tiling(const std::string& file, std::span<const std::byte> data,
                  const Tensors& tensors) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;  // begin, end
  for (const auto& [name, tensor] : tensors) {
    const auto begin = static_cast<std::size_t>(tensor.data.data() - data.data());
    ranges.emplace_back(begin, begin + tensor.data.size());
  }
  std::sort(ranges.begin(), ranges.end());
  std::size_t end = 0;
  for (const auto& [from, to] : ranges) {
    if (from < end) refuse(file, "two tensors overlap at data byte " + std::to_string(from));
    if (from > end) refuse(file, "there is a hole at data byte " + std::to_string(end));
    end = to;
  }
  if (end != data.size()) refuse(file, "there are bytes after the last tensor");
}

}  // namespace

Tensors read_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < kLengthBytes) refuse(name, "is too short to be a safetensors file");
  const std::uint64_t length = read_length(bytes);
  if (length > bytes.size() - kLengthBytes)
    refuse(name, "its header reaches beyond the end of the file (is it cut off?)");
  if (length > kMaxHeaderBytes) refuse(name, "its header is longer than 16 MB");
  const auto header_bytes = bytes.subspan(kLengthBytes, static_cast<std::size_t>(length));
  const auto data = bytes.subspan(kLengthBytes + static_cast<std::size_t>(length));
  const Json header = parse_object(header_bytes, kMaxHeaderDepth, name, "the header");
  Tensors tensors;
  for (const auto& [tensor_name, entry] : header.items()) {
    if (tensor_name == "__metadata__") continue;
    tensors.emplace(tensor_name, read_entry(name, tensor_name, entry, data));
  }
  check_tiling(name, data, tensors);
  return tensors;
}

Safetensors::Safetensors(const std::filesystem::path& path) : Safetensors(MappedFile(path)) {}

Safetensors::Safetensors(MappedFile file)
    : TensorTable(file.name(), read_safetensors(file.bytes(), file.name())),
      file_(std::move(file)) {}

}  // namespace stateline::formats
