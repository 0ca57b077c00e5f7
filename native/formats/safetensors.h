// The safetensors container (https://github.com/huggingface/safetensors#format): an 8-byte
// little-endian header length, a JSON header, then raw tensors. Everything is checked before the
// first tensor is read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "formats/mapped_file.h"

namespace stateline::formats {

enum class DType { kF32, kBF16, kI8 };

// A view into the mapped file; the data may lie unaligned.
struct Tensor {
  DType dtype;
  std::vector<std::size_t> shape;
  std::span<const std::byte> data;  // [product of shape * element size]

  std::size_t elements() const;
};

// The tensors of a file's bytes, into which they are views; `name` is the file's, for the sentence
// of the Error(kInvalidModel) that is thrown for whatever is no such file.
std::map<std::string, Tensor> read_tensors(std::span<const std::byte> bytes,
                                           const std::string& name);

class Safetensors {
 public:
  // Throws Error(kInvalidModel) with one sentence naming file, fault and remedy.
  explicit Safetensors(const std::filesystem::path& path);

  // Null if there is no such tensor.
  const Tensor* find(const std::string& name) const;
  // The tensor, which must have this shape.
  const Tensor& require(const std::string& name, const std::vector<std::size_t>& shape) const;
  // The same, converted; must be F32 or BF16 and finite.
  std::vector<float> require_f32(const std::string& name,
                                 const std::vector<std::size_t>& shape) const;

  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  std::span<const std::byte> bytes() const { return file_.bytes(); }
  const std::string& name() const { return name_; }

 private:
  MappedFile file_;
  std::string name_;
  std::map<std::string, Tensor> tensors_;
};

// Copies a F32 or BF16 tensor to floats.
std::vector<float> to_f32(const Tensor& tensor);

}  // namespace stateline::formats
