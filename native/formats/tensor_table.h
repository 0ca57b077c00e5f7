// The tensors of a model by their names, and the sentences for those that are not as they must be.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "formats/tensor.h"

namespace stateline::formats {

using Tensors = std::map<std::string, Tensor>;

class TensorTable {
 public:
  // `name` is the file's or the folder's, for the sentences.
  TensorTable(std::string name, Tensors tensors)
      : name_(std::move(name)), tensors_(std::move(tensors)) {}

  // Null if there is no such tensor.
  const Tensor* find(const std::string& name) const;
  // The tensor, which must have this shape. Throws Error(kInvalidModel).
  const Tensor& require(const std::string& name, const std::vector<std::size_t>& shape) const;
  // The same as f32; must be finite, and not of a type whose scales stand in another tensor.
  std::vector<float> require_f32(const std::string& name,
                                 const std::vector<std::size_t>& shape) const;

  const Tensors& tensors() const { return tensors_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  Tensors tensors_;
};

}  // namespace stateline::formats
