// A model on disk, whatever its container: a folder as Hugging Face's libraries write it, or a GGUF
// file. Its tensors are views into mapped files that it owns.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "formats/json.h"
#include "formats/mapped_file.h"
#include "formats/metadata.h"
#include "formats/tensor_table.h"

namespace stateline::formats {

class Checkpoint : public TensorTable {
 public:
  // A folder has config.json and model.safetensors, or model.safetensors.index.json and the files
  // that it names. Of a GGUF model in several files `path` is the first. Throws
  // Error(kInvalidModel).
  static Checkpoint open(const std::filesystem::path& path);

  // One of the two is there, the other null: config.json of a folder, the metadata of a GGUF file.
  const Json* config() const { return std::get_if<Json>(&configuration_); }
  const Metadata* metadata() const { return std::get_if<Metadata>(&configuration_); }
  // The file that the configuration is from, for sentences about it.
  const std::string& configuration_name() const { return files_[0].name(); }

  // Of the configuration (config.json, or what stands before a GGUF file's tensors) and of the
  // weights, as in fingerprint.h. Names a stored state's model; not a defence against forgery.
  std::array<std::uint64_t, 2> hash() const;

 private:
  using Configuration = std::variant<Json, Metadata>;

  Checkpoint(std::string name, Tensors tensors, Configuration configuration,
             std::span<const std::byte> configuration_bytes, std::vector<MappedFile> files);
  static Checkpoint open_folder(const std::filesystem::path& folder);
  static Checkpoint open_gguf_file(const std::filesystem::path& path);
  std::span<const MappedFile> weight_files() const;

  Configuration configuration_;
  std::span<const std::byte> configuration_bytes_;  // in files_[0]
  std::vector<MappedFile> files_;                   // of a folder, the first is config.json
};

}  // namespace stateline::formats
