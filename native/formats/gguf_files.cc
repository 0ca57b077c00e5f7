#include "formats/gguf_files.h"

#include <cstdio>
#include <string>
#include <utility>

#include "formats/json.h"
#include "formats/refusal.h"

namespace stateline::formats {
namespace {

constexpr auto kPart = "split.no", kParts = "split.count", kTensors = "split.tensors.count";
constexpr std::size_t kMostParts = 99'999;  // five digits

// How the name of part `i` of `n` ends, from 0.
std::string ending(std::size_t i, std::size_t n) {
  char text[64];
  std::snprintf(text, sizeof text, "-%05zu-of-%05zu.gguf", i + 1, n);
  return text;
}

std::size_t parts_of(const Metadata& metadata) {
  return metadata.contains(kParts) ? metadata.natural(kParts, 0, kMostParts) : 0;
}

// The files' common name before their endings.
std::u8string common_name(const std::filesystem::path& path, std::size_t parts) {
  const std::u8string name = path.filename().u8string();
  const std::string end = ending(0, parts);
  const std::u8string expected(end.begin(), end.end());
  if (!name.ends_with(expected)) {
    refuse(utf8_name(path), "is one of " + std::to_string(parts) + " files of a model",
           "name the first, with all beside it, so that it ends with " + end);
  }
  return name.substr(0, name.size() - expected.size());
}

void add_part(GgufFiles& model, const std::filesystem::path& path, std::size_t i, std::size_t n) {
  const MappedFile& file = model.files.emplace_back(path);
  GgufContents part = read_gguf(file.bytes(), file.name());
  if (part.metadata.natural(kPart, 0, kMostParts) != i || parts_of(part.metadata) != n)
    refuse(file.name(), "is another part of a model than its name says");
  for (auto& [name, tensor] : part.tensors)
    if (!model.contents.tensors.emplace(name, std::move(tensor)).second)
      refuse(file.name(), "tensor " + quoted(name) + " stands in another part, too");
}

}  // namespace

GgufFiles open_gguf(const std::filesystem::path& path) {
  MappedFile first(path);
  GgufContents contents = read_gguf(first.bytes(), first.name());
  GgufFiles model{{}, std::move(contents)};
  model.files.push_back(std::move(first));
  const Metadata& metadata = model.contents.metadata;
  const std::size_t parts = parts_of(metadata);
  if (parts <= 1) return model;
  const std::u8string name = common_name(path, parts);
  if (metadata.natural(kPart, 0, kMostParts) != 0)
    refuse(model.files[0].name(), "is another part of a model than its name says");
  for (std::size_t i = 1; i < parts; ++i) {
    const std::string end = ending(i, parts);
    add_part(model, path.parent_path() / (name + std::u8string(end.begin(), end.end())), i, parts);
  }
  const std::size_t tensors = model.contents.tensors.size();
  if (metadata.contains(kTensors) && metadata.natural(kTensors, 0, SIZE_MAX) != tensors)
    metadata.fail(kTensors, "is not the number of tensors, " + std::to_string(tensors));
  return model;
}

}  // namespace stateline::formats
