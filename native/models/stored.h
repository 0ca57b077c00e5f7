// A model on disk in terms of transformers, whatever its container: what its config.json says, and
// where a tensor lies.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "models/gguf.h"

namespace stateline::models {

class StoredModel {
 public:
  // Borrowed. Throws Error(kInvalidModel), as everything here.
  explicit StoredModel(const formats::Checkpoint& checkpoint);

  const formats::Json& config() const { return gguf_ ? gguf_->config() : *checkpoint_.config(); }
  const std::string& config_name() const { return checkpoint_.configuration_name(); }

  // [rows, cols], in the order of transformers.
  StoredMatrix matrix(const std::string& name, std::size_t rows, std::size_t cols) const;
  // The scales of an int8 matrix, [rows].
  std::vector<float> scales(const std::string& name, std::size_t rows) const;
  std::vector<float> vector(const std::string& name, const std::vector<std::size_t>& shape) const;

 private:
  const formats::Checkpoint& checkpoint_;
  std::unique_ptr<const GgufFile> gguf_;  // or null
};

}  // namespace stateline::models
