// GGUF files in terms of transformers: their metadata as the config.json that families read, and
// where in them a tensor of transformers lies. What llama.cpp's converter changes is undone here,
// so that no family knows the container.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "formats/json.h"
#include "formats/metadata.h"
#include "formats/tensor_table.h"

namespace stateline::models {

// Row `row` of a stored tensor.
struct StoredRow {
  const formats::Tensor* tensor;
  std::size_t row;
};

// A matrix of transformers in a file.
struct StoredMatrix {
  std::function<StoredRow(std::size_t row)> row;
  // Stored column of each; empty: as they are.
  std::vector<std::size_t> columns = {};
};

class GgufFile {
 public:
  // Both are borrowed. Throws Error(kInvalidModel) for an architecture that no family has.
  GgufFile(const formats::Metadata& metadata, const formats::TensorTable& tensors);

  // What transformers' config.json would say.
  const formats::Json& config() const { return config_; }

  // [rows, cols]; throws Error(kInvalidModel) if it is missing or has another shape.
  StoredMatrix matrix(const std::string& name, std::size_t rows, std::size_t cols) const;
  std::vector<float> vector(const std::string& name, std::size_t size) const;

  struct Architecture;
  struct LayerName;

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const;
  std::string stored_name(const std::string& name) const;
  const formats::Tensor& require(const std::string& stored, std::size_t rows,
                                 std::size_t cols) const;
  StoredMatrix shared_feed_forward(const LayerName& layer, std::size_t rows,
                                   std::size_t cols) const;
  StoredMatrix experts(const LayerName& layer, std::size_t rows, std::size_t cols) const;
  std::size_t tiled(std::size_t row, std::size_t width) const;
  void untile(std::vector<float>& values, std::size_t first, std::size_t width) const;

  const formats::TensorTable& tensors_;
  const Architecture* architecture_;
  formats::Json config_;
  // Of the gated delta rule, whose value heads are stored tiled over the key heads; keys_ rows of
  // queries and keys stand before the values.
  std::size_t key_heads_ = 1, value_heads_ = 1, keys_ = 0, value_dim_ = 1;
  std::size_t rotated_heads_ = 0, rotated_kv_heads_ = 0;  // stored for pairs of neighbours
};

}  // namespace stateline::models
