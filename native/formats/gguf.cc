#include "formats/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

#include "formats/json.h"
#include "formats/refusal.h"

namespace stateline::formats {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint64_t kMostTensors = 1u << 20;  // a mixture of experts has some thousands
constexpr std::size_t kMostNameBytes = 255;       // the specification says 64
constexpr std::uint32_t kMostDimensions = 4;
constexpr std::size_t kDefaultAlignment = 32, kMostAlignment = 1u << 20;

// ggml's numbers for types of tensors; empty for numbers that it no longer uses.
constexpr std::array<std::string_view, 42> kTypeNames = {
    "F32",     "F16",   "Q4_0",   "Q4_1",  "",      "",       "Q5_0", "Q5_1",    "Q8_0",
    "Q8_1",    "Q2_K",  "Q3_K",   "Q4_K",  "Q5_K",  "Q6_K",   "Q8_K", "IQ2_XXS", "IQ2_XS",
    "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8",   "I16",     "I32",
    "I64",     "F64",   "IQ1_M",  "BF16",  "",      "",       "",     "TQ1_0",   "TQ2_0",
    "",        "",      "",       "MXFP4", "NVFP4", "Q1_0"};

constexpr std::pair<std::string_view, DType> kTypes[] = {
    {"F32", DType::kF32},   {"F16", DType::kF16},   {"BF16", DType::kBF16}, {"Q8_0", DType::kQ8_0},
    {"Q4_0", DType::kQ4_0}, {"Q4_1", DType::kQ4_1}, {"Q5_0", DType::kQ5_0}, {"Q5_1", DType::kQ5_1},
    {"Q4_K", DType::kQ4_K}, {"Q5_K", DType::kQ5_K}, {"Q6_K", DType::kQ6_K}};

DType dtype_of(std::uint32_t number, const std::string& file, const std::string& what) {
  const std::string_view name = number < kTypeNames.size() ? kTypeNames[number] : "";
  for (const auto& [known, dtype] : kTypes)
    if (known == name) return dtype;
  const std::string stored =
      name.empty() ? "the unknown type " + std::to_string(number) : std::string(name);
  refuse(file, what + " is stored as " + stored,
         "use a file of the model in F16, BF16, Q8_0, Q6_K, Q5_K, Q5_0, Q4_K or Q4_0");
}

struct Info {
  std::string name;
  Tensor tensor;         // without its data
  std::uint64_t offset;  // in the data
};

void check_version(ByteReader& read, const std::string& file) {
  const auto version = read.read<std::uint32_t>();
  if (version == 2 || version == 3) return;
  // Version 3 as a processor of the other byte order writes it.
  if (version % 65536 == 0 && version != 0)
    refuse(file, "is written for big-endian processors",
           "download the file for little-endian ones, which are nearly all");
  refuse(file, "has version " + std::to_string(version) + " of GGUF, but only 2 and 3 are read",
         "convert the model anew with a current converter");
}

Info read_info(ByteReader& read, const std::string& file) {
  const std::string_view name = read.text();
  if (name.empty() || name.size() > kMostNameBytes)
    refuse(file, "has a tensor whose name has " + std::to_string(name.size()) + " bytes");
  const std::string what = "tensor " + quoted(std::string(name));
  const auto dimensions = read.read<std::uint32_t>();
  if (dimensions > kMostDimensions)
    refuse(file, what + " has " + std::to_string(dimensions) + " dimensions");
  std::vector<std::size_t> shape(dimensions);
  for (std::size_t i = dimensions; i-- > 0;) {
    const auto size = read.read<std::uint64_t>();
    if (size == 0 || size > std::numeric_limits<std::size_t>::max())
      refuse(file, what + " has a dimension of " + std::to_string(size));
    shape[i] = static_cast<std::size_t>(size);
  }
  const DType dtype = dtype_of(read.read<std::uint32_t>(), file, what);
  const auto offset = read.read<std::uint64_t>();
  return {std::string(name), {dtype, std::move(shape), {}}, offset};
}

std::vector<Info> read_infos(ByteReader& read, std::uint64_t count, const std::string& file) {
  if (count > kMostTensors)
    refuse(file, "has more than " + std::to_string(kMostTensors) + " tensors");
  std::vector<Info> infos;
  for (std::uint64_t i = 0; i < count; ++i) infos.push_back(read_info(read, file));
  return infos;
}

// A tensor's part of the data, which lies whole and aligned in it.
std::span<const std::byte> data_of(const Info& info, std::span<const std::byte> data,
                                   std::size_t alignment, const std::string& file) {
  const std::string what = "tensor " + quoted(info.name);
  const auto bytes = stored_bytes(info.tensor.dtype, info.tensor.shape);
  if (!bytes) {
    refuse(file,
           what + " has a shape that " + std::string(name_of(info.tensor.dtype)) + " cannot have");
  }
  if (info.offset % alignment != 0) refuse(file, what + " is not aligned");
  if (info.offset > data.size() || *bytes > data.size() - info.offset)
    refuse(file, what + " lies beyond the end of the file (is it cut off?)");
  return data.subspan(static_cast<std::size_t>(info.offset), static_cast<std::size_t>(*bytes));
}

void check_apart(const Tensors& tensors, const std::string& file) {
  std::vector<std::pair<const std::byte*, const std::byte*>> ranges;  // begin, end
  for (const auto& [name, tensor] : tensors)
    ranges.emplace_back(tensor.data.data(), tensor.data.data() + tensor.data.size());
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].first < ranges[i - 1].second) refuse(file, "has tensors that overlap");
}

Tensors placed(const std::vector<Info>& infos, std::span<const std::byte> data,
               std::size_t alignment, const std::string& file) {
  Tensors tensors;
  for (const Info& info : infos) {
    Tensor tensor = info.tensor;
    tensor.data = data_of(info, data, alignment, file);
    if (!tensors.emplace(info.name, std::move(tensor)).second)
      refuse(file, "tensor " + quoted(info.name) + " stands there twice");
  }
  check_apart(tensors, file);
  return tensors;
}

std::size_t alignment_of(const Metadata& metadata) {
  constexpr auto kKey = "general.alignment";
  if (!metadata.contains(kKey)) return kDefaultAlignment;
  const std::size_t alignment = metadata.natural(kKey, 1, kMostAlignment);
  if (!std::has_single_bit(alignment)) metadata.fail(kKey, "must be a power of two");
  return alignment;
}

}  // namespace

GgufContents read_gguf(std::span<const std::byte> bytes, const std::string& name) {
  ByteReader read(bytes, name);
  const auto magic = read.take(kMagic.size());
  if (!std::equal(magic.begin(), magic.end(), kMagic.begin(),
                  [](std::byte a, char b) { return static_cast<char>(a) == b; }))
    refuse(name, "is no GGUF file");
  check_version(read, name);
  const auto tensors = read.read<std::uint64_t>();
  const auto pairs = read.read<std::uint64_t>();
  Metadata metadata(read, pairs, name);
  const std::size_t alignment = alignment_of(metadata);
  const std::vector<Info> infos = read_infos(read, tensors, name);
  const auto header = bytes.first(read.at());
  const std::size_t padding = (alignment - header.size() % alignment) % alignment;
  const auto data = bytes.subspan(std::min(header.size() + padding, bytes.size()));
  return {header, std::move(metadata), placed(infos, data, alignment, name)};
}

}  // namespace stateline::formats
