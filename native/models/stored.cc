#include "models/stored.h"

#include <numeric>
#include <utility>

namespace stateline::models {
namespace {

// Older conversions say it in the singular.
std::string known_name(const formats::Checkpoint& checkpoint, const std::string& name) {
  constexpr const char* kOlder = "backbone.embedding.weight";
  const bool older = name == "backbone.embeddings.weight" && !checkpoint.find(name);
  return older ? kOlder : name;
}

}  // namespace

StoredModel::StoredModel(const formats::Checkpoint& checkpoint) : checkpoint_(checkpoint) {
  if (const formats::Metadata* metadata = checkpoint.metadata())
    gguf_ = std::make_unique<const GgufFile>(*metadata, checkpoint);
}

StoredMatrix StoredModel::matrix(const std::string& name, std::size_t rows,
                                 std::size_t cols) const {
  if (gguf_) return gguf_->matrix(name, rows, cols);
  const std::string known = known_name(checkpoint_, name);
  const formats::Tensor* found = checkpoint_.find(known);
  // Experts are stacked: [experts, rows of one, cols].
  const bool stacked = found != nullptr && found->shape.size() == 3 &&
                       found->shape.back() == cols && found->elements() == rows * cols;
  const formats::Tensor& tensor = stacked ? *found : checkpoint_.require(known, {rows, cols});
  return {[&tensor](std::size_t row) { return StoredRow{&tensor, row}; }};
}

std::vector<float> StoredModel::scales(const std::string& name, std::size_t rows) const {
  return checkpoint_.require_f32(name + "_scale", {rows});
}

std::vector<float> StoredModel::vector(const std::string& name,
                                       const std::vector<std::size_t>& shape) const {
  if (!gguf_) return checkpoint_.require_f32(known_name(checkpoint_, name), shape);
  return gguf_->vector(
      name, std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()));
}

}  // namespace stateline::models
