#include "formats/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "formats/error.h"
#include "formats/json.h"

namespace stateline::formats {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 16u << 20;  // ours is below 20 KB
constexpr std::size_t kMaxRank = 8;
constexpr int kMaxHeaderDepth = 3;  // header > tensor > shape

[[noreturn]] void fail(const std::string& file, const std::string& what) {
  throw Error(ErrorCode::kInvalidModel,
              file + ": " + what + "; download the model again or export it anew.");
}

std::uint64_t read_length(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
  return length;
}

std::optional<DType> parse_dtype(const std::string& name) {
  if (name == "F32") return DType::kF32;
  if (name == "BF16") return DType::kBF16;
  if (name == "I8") return DType::kI8;
  return std::nullopt;
}

std::size_t element_bytes(DType dtype) {
  return dtype == DType::kF32 ? 4 : dtype == DType::kBF16 ? 2 : 1;
}

// Product of `shape` and the element size; nullopt on overflow.
std::optional<std::uint64_t> tensor_bytes(const std::vector<std::size_t>& shape, DType dtype) {
  std::uint64_t bytes = element_bytes(dtype);
  for (const std::uint64_t size : shape) {
    if (size != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / size) return std::nullopt;
    bytes *= size;
  }
  return bytes;
}

// Fails unless `list` is an array of at most `max` non-negative integers.
std::vector<std::uint64_t> read_integers(const Json& list, std::size_t max, const std::string& file,
                                         const std::string& what) {
  if (!list.is_array() || list.size() > max) fail(file, what + " is not a short list of integers");
  std::vector<std::uint64_t> out;
  for (const Json& item : list) {
    if (!item.is_number_unsigned()) fail(file, what + " holds something that is no natural number");
    out.push_back(item.get<std::uint64_t>());
  }
  return out;
}

Tensor read_entry(const std::string& file, const std::string& name, const Json& entry,
                  std::span<const std::byte> data) {
  const std::string what = "tensor " + quoted(name);
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets") || !entry["dtype"].is_string())
    fail(file, what + " lacks its dtype, shape or data_offsets");
  const std::optional<DType> dtype = parse_dtype(entry["dtype"].get<std::string>());
  if (!dtype) {
    fail(file, what + " has dtype " + quoted(entry["dtype"].get<std::string>()) +
                   ", but only F32, BF16 and I8 are supported");
  }
  const auto shape64 = read_integers(entry["shape"], kMaxRank, file, what + ": shape");
  const auto offsets = read_integers(entry["data_offsets"], 2, file, what + ": data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1]) fail(file, what + " has unordered offsets");
  if (offsets[1] > data.size())
    fail(file, what + " lies beyond the end of the file (is it cut off?)");
  std::vector<std::size_t> shape;
  for (const std::uint64_t size : shape64) {
    if (size > std::numeric_limits<std::size_t>::max()) fail(file, what + " is too large");
    shape.push_back(static_cast<std::size_t>(size));
  }
  const std::optional<std::uint64_t> bytes = tensor_bytes(shape, *dtype);
  if (!bytes || *bytes != offsets[1] - offsets[0])
    fail(file, what + " has a shape that does not match its length");
  const auto begin = static_cast<std::size_t>(offsets[0]);
  return {*dtype, std::move(shape), data.subspan(begin, static_cast<std::size_t>(*bytes))};
}

// Tensors must tile the data exactly: no overlap, no hole, nothing left over.
void check_tiling(const std::string& file, std::span<const std::byte> data,
                  const std::map<std::string, Tensor>& tensors) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;  // begin, end
  for (const auto& [name, tensor] : tensors) {
    const auto begin = static_cast<std::size_t>(tensor.data.data() - data.data());
    ranges.emplace_back(begin, begin + tensor.data.size());
  }
  std::sort(ranges.begin(), ranges.end());
  std::size_t end = 0;
  for (const auto& [from, to] : ranges) {
    if (from < end) fail(file, "two tensors overlap at data byte " + std::to_string(from));
    if (from > end) fail(file, "there is a hole at data byte " + std::to_string(end));
    end = to;
  }
  if (end != data.size()) fail(file, "there are bytes after the last tensor");
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string text = "[";
  for (const std::size_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

std::string utf8_name(const std::filesystem::path& path) {
  const std::u8string name = path.u8string();
  return {name.begin(), name.end()};
}

}  // namespace

std::size_t Tensor::elements() const {
  std::size_t product = 1;
  for (const std::size_t size : shape) product *= size;
  return product;
}

std::map<std::string, Tensor> read_tensors(std::span<const std::byte> bytes,
                                           const std::string& name) {
  if (bytes.size() < kLengthBytes) fail(name, "is too short to be a safetensors file");
  const std::uint64_t length = read_length(bytes);
  if (length > bytes.size() - kLengthBytes)
    fail(name, "its header reaches beyond the end of the file (is it cut off?)");
  if (length > kMaxHeaderBytes) fail(name, "its header is longer than 16 MB");
  const auto header_bytes = bytes.subspan(kLengthBytes, static_cast<std::size_t>(length));
  const auto data = bytes.subspan(kLengthBytes + static_cast<std::size_t>(length));
  const Json header = parse_object(header_bytes, kMaxHeaderDepth, name, "the header");
  std::map<std::string, Tensor> tensors;
  for (const auto& [tensor_name, entry] : header.items()) {
    if (tensor_name == "__metadata__") continue;
    tensors.emplace(tensor_name, read_entry(name, tensor_name, entry, data));
  }
  check_tiling(name, data, tensors);
  return tensors;
}

Safetensors::Safetensors(const std::filesystem::path& path)
    : file_(path), name_(utf8_name(path)), tensors_(read_tensors(file_.bytes(), name_)) {}

const Tensor* Safetensors::find(const std::string& name) const {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? nullptr : &it->second;
}

const Tensor& Safetensors::require(const std::string& name,
                                   const std::vector<std::size_t>& shape) const {
  const Tensor* tensor = find(name);
  if (tensor == nullptr) fail(name_, "tensor " + quoted(name) + " is missing");
  if (tensor->shape != shape) {
    fail(name_, "tensor " + quoted(name) + " has shape " + shape_text(tensor->shape) +
                    " where config.json asks for " + shape_text(shape));
  }
  return *tensor;
}

std::vector<float> Safetensors::require_f32(const std::string& name,
                                            const std::vector<std::size_t>& shape) const {
  const Tensor& tensor = require(name, shape);
  if (tensor.dtype == DType::kI8) fail(name_, "tensor " + quoted(name) + " must be F32 or BF16");
  std::vector<float> values = to_f32(tensor);
  for (const float value : values)
    if (!std::isfinite(value))
      fail(name_, "tensor " + quoted(name) + " holds a value that is not finite");
  return values;
}

std::vector<float> to_f32(const Tensor& tensor) {
  std::vector<float> values(tensor.elements());
  if (values.empty()) return values;  // memcpy wants an address, and an empty tensor has none
  if (tensor.dtype == DType::kF32) {
    std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    return values;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, tensor.data.data() + 2 * i, 2);
    values[i] = std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
  return values;
}

}  // namespace stateline::formats
