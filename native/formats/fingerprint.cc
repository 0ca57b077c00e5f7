#include "formats/fingerprint.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "formats/xxh64.h"

namespace stateline::formats {
namespace {

constexpr std::size_t kWholeBytes = 64u << 20;
constexpr std::size_t kSampleBytes = 4096;

std::uint64_t sampled(std::span<const std::byte> data, std::uint64_t hash) {
  if (data.size() <= 3 * kSampleBytes) return xxh64(data, hash);
  for (const std::size_t at :
       {std::size_t{0}, (data.size() - kSampleBytes) / 2, data.size() - kSampleBytes})
    hash = xxh64(data.subspan(at, kSampleBytes), hash);
  return hash;
}

}  // namespace

std::uint64_t fingerprint(std::span<const std::byte> file, const Tensors& tensors,
                          std::uint64_t seed) {
  if (file.size() <= kWholeBytes) return xxh64(file, seed);
  const std::less<const std::byte*> before;
  const std::byte *begin = file.data(), *end = begin + file.size(), *first = end;
  std::vector<std::span<const std::byte>> parts;
  for (const auto& [name, tensor] : tensors) {
    const std::byte* data = tensor.data.data();
    if (tensor.data.empty() || before(data, begin) || !before(data, end)) continue;
    parts.push_back(tensor.data);
    first = std::min(first, data);
  }
  const std::uint64_t size = file.size();
  std::uint64_t hash = xxh64(std::as_bytes(std::span(&size, 1)), seed);
  hash = xxh64(file.first(static_cast<std::size_t>(first - begin)), hash);
  for (const auto& part : parts) hash = sampled(part, hash);  // by name
  return hash;
}

}  // namespace stateline::formats
