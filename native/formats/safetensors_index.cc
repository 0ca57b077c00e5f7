#include "formats/safetensors_index.h"

#include <algorithm>
#include <string_view>

#include "formats/json.h"
#include "formats/refusal.h"

namespace stateline::formats {
namespace {

constexpr std::size_t kMaxIndexBytes = 16u << 20;  // 100 bytes a tensor
constexpr int kMaxDepth = 4;
constexpr std::size_t kMaxNameBytes = 255;  // of a file, on every system
constexpr std::string_view kExtension = ".safetensors";

// Letters, digits and some signs: no separator, no drive, no stream of another file.
bool is_plain(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return name.size() > kExtension.size() && name.size() <= kMaxNameBytes && name[0] != '.' &&
         name.ends_with(kExtension) && std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace

std::map<std::string, std::string> read_index(std::span<const std::byte> bytes,
                                              const std::string& name) {
  if (bytes.size() > kMaxIndexBytes) refuse(name, "is longer than 16 MB");
  const Json index = parse_object(bytes, kMaxDepth, name, "the index");
  const auto files = index.find("weight_map");
  if (files == index.end() || !files->is_object() || files->empty())
    refuse(name, "\"weight_map\" must list tensors and their files");
  std::map<std::string, std::string> file_of;
  for (const auto& [tensor, file] : files->items()) {
    if (!file.is_string() || !is_plain(file.get_ref<const std::string&>())) {
      refuse(name, "tensor " + quoted(tensor) +
                       " is not in a file with a plain name that ends with .safetensors");
    }
    file_of.emplace(tensor, file.get<std::string>());
  }
  return file_of;
}

}  // namespace stateline::formats
