// The safetensors container (https://github.com/huggingface/safetensors#format): an 8-byte
// little-endian header length, a JSON header, then raw tensors. Everything is checked before the
// first tensor is read.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "formats/mapped_file.h"
#include "formats/tensor_table.h"

namespace stateline::formats {

// The tensors of a file's bytes, into which they are views; `name` is the file's, for the sentence
// of the Error(kInvalidModel) that is thrown for whatever is no such file.
Tensors read_safetensors(std::span<const std::byte> bytes, const std::string& name);

// A single file of tensors.
class Safetensors : public TensorTable {
 public:
  // Throws Error(kInvalidModel) with one sentence naming file, fault and remedy.
  explicit Safetensors(const std::filesystem::path& path);

  std::span<const std::byte> bytes() const { return file_.bytes(); }

 private:
  explicit Safetensors(MappedFile file);

  MappedFile file_;
};

}  // namespace stateline::formats
