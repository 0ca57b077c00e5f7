#include "engine/weights.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "formats/dequantise.h"
#include "formats/error.h"
#include "kernels/thread_pool.h"

namespace stateline::engine {
namespace {

using kernels::PackedMatrix;
using models::MatrixSpec;
using models::StoredMatrix;
using models::StoredModel;
using models::StoredRow;

// A part of a matrix, and where its rows are stored.
struct Source {
  const MatrixSpec::Part& part;
  StoredMatrix stored;

  StoredRow row(std::size_t index) const { return stored.row(part.first + index); }
  // Whether rows are as they are stored.
  bool plain() const { return part.scale == 1 && stored.columns.empty(); }
};

// A matrix out of its parts.
class Sources {
 public:
  Sources(const MatrixSpec& spec, const StoredModel& stored) : cols_(spec.cols) {
    for (const MatrixSpec::Part& part : spec.parts) {
      const std::size_t of = part.of == 0 ? part.rows : part.of;
      sources_.push_back({part, stored.matrix(part.name, of, spec.cols)});
      for (std::size_t row = 0; row < part.rows; ++row)
        places_.push_back({sources_.size() - 1, row});
    }
  }

  // The type of all rows if they can be taken over as they are.
  std::optional<DType> common_type() const {
    const DType first = sources_[0].row(0).tensor->dtype;
    for (const auto& [source, row] : places_) {
      const bool alike = sources_[source].row(row).tensor->dtype == first;
      if (!alike || !sources_[source].plain()) return std::nullopt;
    }
    return first;
  }

  const std::byte* stored_row(std::size_t row) const {
    const auto& [source, index] = places_[row];
    return bytes_of(sources_[source].row(index));
  }
  // As f32, in the order of transformers.
  void read(std::size_t row, float* out) const {
    const auto& [number, index] = places_[row];
    const Source& source = sources_[number];
    const StoredRow stored = source.row(index);
    thread_local std::vector<float> values;
    values.resize(cols_);
    formats::dequantise(stored.tensor->dtype, bytes_of(stored), cols_, values.data());
    for (std::size_t i = 0; i < cols_; ++i) {
      const std::size_t at = source.stored.columns.empty() ? i : source.stored.columns[i];
      out[i] = source.part.scale * values[at];
    }
  }

 private:
  const std::byte* bytes_of(const StoredRow& row) const {
    const Block block = block_of(row.tensor->dtype);
    return row.tensor->data.data() + row.row * (cols_ / block.values * block.bytes);
  }

  std::size_t cols_;
  std::vector<Source> sources_;
  std::vector<std::pair<std::size_t, std::size_t>> places_;  // [rows] source, its row
};

DType packed_type(std::optional<DType> stored, Rounding rounding) {
  if (stored == DType::kInt8) return *stored;
  if (rounding == Rounding::kNone) return stored == DType::kBF16 ? DType::kBF16 : DType::kF32;
  if (stored == DType::kQ4_0 || rounding == Rounding::kInt4) return DType::kQ4_0;
  return DType::kQ8_0;
}

PackedMatrix read_matrix(const MatrixSpec& spec, const StoredModel& stored, Rounding rounding,
                         kernels::ThreadPool& pool) {
  const Sources sources(spec, stored);
  const std::optional<DType> common = sources.common_type();
  const DType type = packed_type(common, rounding);
  PackedMatrix matrix(type, spec.rows(), spec.cols);
  const std::size_t panels = matrix.panels(), blocks = std::min<std::size_t>(panels, 64);
  std::vector<float> scale;
  if (type == DType::kInt8) scale = stored.scales(spec.parts[0].name, spec.rows());
  std::atomic<bool> finite = true;
  pool.run(blocks, 1e9, [&](std::size_t block) {
    const std::size_t begin = panels * block / blocks, end = panels * (block + 1) / blocks;
    if (common == type && type != DType::kF32 && type != DType::kBF16) {
      matrix.take_panels(
          begin, end, [&](std::size_t row) { return sources.stored_row(row); },
          scale.empty() ? nullptr : scale.data());
    } else if (!matrix.round_panels(begin, end,
                                    [&](std::size_t row, float* out) { sources.read(row, out); })) {
      finite = false;
    }
  });
  if (finite) return matrix;
  throw Error(ErrorCode::kInvalidModel, "The tensor " + spec.parts[0].name +
                                            " holds a value that is not finite; download the model "
                                            "again or export it anew.");
}

// What is read of each part of a vector: std::vector<float>.
template <typename Read>
Weights with_vectors(const models::Plan& plan, std::vector<PackedMatrix> matrices,
                     const Read& read) {
  Weights weights;
  weights.matrices = std::move(matrices);
  for (const PackedMatrix& matrix : weights.matrices) {
    weights.parameters += matrix.rows() * matrix.cols();
    weights.bytes += matrix.bytes();
  }
  std::set<std::string> counted;  // a tensor may serve twice
  for (const models::VectorSpec& spec : plan.vectors()) {
    std::vector<float> all = spec.values;
    for (const models::VectorSpec::Part& part : spec.parts) {
      std::vector<float> values = read(part);
      if (counted.insert(part.name).second) weights.parameters += values.size();
      if (part.prepare) values = part.prepare(std::move(values));
      all.insert(all.end(), values.begin(), values.end());
    }
    weights.bytes += all.size() * sizeof(float);
    weights.vectors.push_back(std::move(all));
  }
  return weights;
}

}  // namespace

Weights read_weights(const models::Plan& plan, const StoredModel& stored, Rounding rounding,
                     unsigned threads) {
  kernels::ThreadPool pool(threads);
  std::vector<PackedMatrix> matrices;
  for (const MatrixSpec& spec : plan.matrices())
    matrices.push_back(read_matrix(spec, stored, rounding, pool));
  return read_weights(plan, stored, std::move(matrices));
}

Weights read_weights(const models::Plan& plan, const StoredModel& stored,
                     std::vector<PackedMatrix> matrices) {
  return with_vectors(plan, std::move(matrices), [&](const models::VectorSpec::Part& part) {
    return stored.vector(part.name, part.shape);
  });
}

Weights blank_weights(const models::Plan& plan, Rounding rounding) {
  constexpr std::byte kSmall{1};  // a normal number in every type, and each block's scale tiny
  std::vector<PackedMatrix> matrices;
  for (const MatrixSpec& spec : plan.matrices())
    matrices.push_back(
        PackedMatrix::filled(packed_type(DType::kBF16, rounding), spec.rows(), spec.cols, kSmall));
  return with_vectors(plan, std::move(matrices), [](const models::VectorSpec::Part& part) {
    const std::size_t size =
        std::accumulate(part.shape.begin(), part.shape.end(), std::size_t{1}, std::multiplies<>());
    return std::vector<float>(size, 0.5f);
  });
}

}  // namespace stateline::engine
