// A plan: everything that a network needs to be loaded and run, as tables that a family fills from
// its configuration. Loading, upload, scratch, states and their stored form follow from it; nothing
// else knows the names or the sizes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "models/memory_layout.h"

namespace stateline::models {

// Places in the plan's tables.
struct Matrix {
  std::uint32_t index = 0;
};
struct Vector {
  std::uint32_t index = 0;
  std::size_t offset = 0;  // floats

  Vector from(std::size_t floats) const { return {index, offset + floats}; }
};
struct Indices {
  std::uint32_t index = 0;
  std::size_t offset = 0;

  Indices from(std::size_t count) const { return {index, offset + count}; }
};
struct Scratch {
  std::uint32_t index = 0;
};

// W [rows, cols]: rows of tensors of the checkpoint, one below the other.
struct MatrixSpec {
  struct Part {
    std::string name;
    std::size_t rows;
    std::size_t first = 0;  // row of the tensor
    std::size_t of = 0;     // rows that the tensor has; 0: `rows`
    float scale = 1;        // what the family multiplies them by
  };
  std::vector<Part> parts;
  std::size_t cols;

  std::size_t rows() const {
    std::size_t sum = 0;
    for (const Part& part : parts) sum += part.rows;
    return sum;
  }
};

// What a tensor becomes before the kernels read it, once at load.
using Prepare = std::function<std::vector<float>(std::vector<float>)>;

struct VectorSpec {
  struct Part {
    std::string name;
    std::vector<std::size_t> shape;  // in the checkpoint
    Prepare prepare;                 // may be null: as it is
  };
  std::vector<Part> parts;         // one after another
  std::vector<float> values = {};  // without parts: what no checkpoint holds
};

// How exact a row of scratch must be. The processor computes in f32 throughout.
enum class Precision {
  kActivation,  // bf16 on a GPU
  kFull,        // f32: residual streams, step sizes, decays
};

struct ScratchSpec {
  std::size_t width;
  Precision precision;
};

class Plan {
 public:
  // What clients may ask of any model.
  std::string family;
  std::size_t vocab_size = 0;
  std::size_t hidden_size = 0;  // d
  std::size_t layers = 0;
  std::size_t heads = 0;    // that run as state or as attention, as a state is made; or 0
  double hybrid_ratio = 0;  // share of them in state mode, by default
  std::uint64_t attention_window = 0;  // tokens, by default; 0 = unbounded
  std::vector<std::vector<LayerMemory>>
      memory;  // [heads + 1][layers], by the number of heads in state mode

  // From the residual stream to logits = logit_scale * head (RMSNorm(x) final_norm).
  Vector final_norm;
  float eps = 0;
  Matrix head;
  float logit_scale = 1;
  Scratch stream;  // [d], which the last layer leaves

  // Each adds to a table and says where.
  Matrix matrix(std::string name, std::size_t rows, std::size_t cols) {
    return stacked({{std::move(name), rows}}, cols);
  }
  Matrix stacked(std::vector<MatrixSpec::Part> parts, std::size_t cols) {
    matrices_.push_back({std::move(parts), cols});
    return {static_cast<std::uint32_t>(matrices_.size() - 1)};
  }
  Vector vector(std::string name, std::vector<std::size_t> shape, Prepare prepare = nullptr) {
    return joined({{std::move(name), std::move(shape), std::move(prepare)}});
  }
  Vector joined(std::vector<VectorSpec::Part> parts) {
    vectors_.push_back({std::move(parts)});
    return {static_cast<std::uint32_t>(vectors_.size() - 1)};
  }
  Vector constants(std::vector<float> values) {
    vectors_.push_back({{}, std::move(values)});
    return {static_cast<std::uint32_t>(vectors_.size() - 1)};
  }
  // Numbers of heads or channels, which come from the configuration.
  Indices indices(std::vector<std::uint32_t> values) {
    indices_.push_back(std::move(values));
    return {static_cast<std::uint32_t>(indices_.size() - 1)};
  }
  // 0 to count - 1.
  Indices all(std::uint32_t count) {
    std::vector<std::uint32_t> values(count);
    std::iota(values.begin(), values.end(), 0u);
    return indices(std::move(values));
  }
  Scratch scratch(std::size_t width, Precision precision = Precision::kActivation) {
    scratch_.push_back({width, precision});
    return {static_cast<std::uint32_t>(scratch_.size() - 1)};
  }

  const std::vector<MatrixSpec>& matrices() const { return matrices_; }
  const std::vector<VectorSpec>& vectors() const { return vectors_; }
  const std::vector<std::vector<std::uint32_t>>& indices() const { return indices_; }
  const std::vector<ScratchSpec>& scratch() const { return scratch_; }

 private:
  std::vector<MatrixSpec> matrices_;
  std::vector<VectorSpec> vectors_;
  std::vector<std::vector<std::uint32_t>> indices_;
  std::vector<ScratchSpec> scratch_;
};

}  // namespace stateline::models
