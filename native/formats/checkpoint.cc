#include "formats/checkpoint.h"

#include <map>
#include <system_error>
#include <utility>

#include "formats/fields.h"
#include "formats/fingerprint.h"
#include "formats/gguf_files.h"
#include "formats/refusal.h"
#include "formats/safetensors.h"
#include "formats/safetensors_index.h"
#include "formats/xxh64.h"

namespace stateline::formats {
namespace {

constexpr auto kConfig = "config.json", kWeights = "model.safetensors",
               kIndex = "model.safetensors.index.json";

// The tensors that the index names, out of the files that it names, which are added to `files`.
Tensors read_indexed(const std::filesystem::path& folder, std::vector<MappedFile>& files) {
  const MappedFile index(folder / kIndex);
  std::map<std::string, Tensors> tensors_of;  // by file
  Tensors tensors;
  for (const auto& [name, file] : read_index(index.bytes(), index.name())) {
    if (!tensors_of.contains(file)) {
      const MappedFile& mapped = files.emplace_back(folder / file);
      tensors_of.emplace(file, read_safetensors(mapped.bytes(), mapped.name()));
    }
    const auto found = tensors_of[file].find(name);
    if (found == tensors_of[file].end())
      refuse(index.name(), "tensor " + quoted(name) + " is not in " + file);
    tensors.emplace(name, found->second);
  }
  return tensors;
}

}  // namespace

Checkpoint Checkpoint::open(const std::filesystem::path& path) {
  std::error_code ignored;  // what is no folder is opened as a file, which says what is wrong
  return std::filesystem::is_directory(path, ignored) ? open_folder(path) : open_gguf_file(path);
}

Checkpoint Checkpoint::open_folder(const std::filesystem::path& folder) {
  std::vector<MappedFile> files;
  files.emplace_back(folder / kConfig);
  Json config = parse_configuration(files[0].bytes(), files[0].name());
  const auto bytes = files[0].bytes();
  std::error_code ignored;  // what cannot be examined cannot be opened, which says what is wrong
  if (std::filesystem::exists(folder / kIndex, ignored) &&
      !std::filesystem::exists(folder / kWeights, ignored)) {
    Tensors tensors = read_indexed(folder, files);
    return {utf8_name(folder), std::move(tensors), std::move(config), bytes, std::move(files)};
  }
  const MappedFile& weights = files.emplace_back(folder / kWeights);
  Tensors tensors = read_safetensors(weights.bytes(), weights.name());
  std::string name = weights.name();
  return {std::move(name), std::move(tensors), std::move(config), bytes, std::move(files)};
}

Checkpoint Checkpoint::open_gguf_file(const std::filesystem::path& path) {
  GgufFiles model = open_gguf(path);
  std::string name = model.files[0].name();
  return {std::move(name), std::move(model.contents.tensors), std::move(model.contents.metadata),
          model.contents.header, std::move(model.files)};
}

Checkpoint::Checkpoint(std::string name, Tensors tensors, Configuration configuration,
                       std::span<const std::byte> configuration_bytes,
                       std::vector<MappedFile> files)
    : TensorTable(std::move(name), std::move(tensors)),
      configuration_(std::move(configuration)),
      configuration_bytes_(configuration_bytes),
      files_(std::move(files)) {}

std::span<const MappedFile> Checkpoint::weight_files() const {
  return std::span(files_).subspan(config() != nullptr ? 1 : 0);
}

std::array<std::uint64_t, 2> Checkpoint::hash() const {
  std::uint64_t weights = 0;
  for (const MappedFile& file : weight_files())
    weights = fingerprint(file.bytes(), tensors(), weights);
  return {xxh64(configuration_bytes_), weights};
}

}  // namespace stateline::formats
