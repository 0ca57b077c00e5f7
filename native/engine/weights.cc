#include "engine/weights.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "formats/dequantise.h"
#include "formats/error.h"

namespace stateline::engine {
namespace {

using kernels::PackedMatrix;
using kernels::WeightType;
using models::MatrixSpec;
using models::StoredMatrix;
using models::StoredModel;
using models::StoredRow;

// A part of a matrix, and where its rows are stored.
struct Source {
  const MatrixSpec::Part& part;
  StoredMatrix stored;

  StoredRow row(std::size_t index) const { return stored.row(part.first + index); }
  DType type() const { return row(0).tensor->dtype; }
};

std::vector<Source> sources_of(const MatrixSpec& spec, const StoredModel& stored) {
  std::vector<Source> sources;
  for (const MatrixSpec::Part& part : spec.parts) {
    const std::size_t of = part.of == 0 ? part.rows : part.of;
    sources.push_back({part, stored.matrix(part.name, of, spec.cols)});
  }
  return sources;
}

const std::byte* stored_bytes(const StoredRow& row, std::size_t cols) {
  const Block block = block_of(row.tensor->dtype);
  return row.tensor->data.data() + row.row * (cols / block.values * block.bytes);
}

// One row as f32, scaled, in the order of transformers; `stored` [cols] is scratch.
void read_row(const Source& source, std::size_t index, std::size_t cols, float* stored,
              float* out) {
  const StoredRow row = source.row(index);
  formats::dequantise(row.tensor->dtype, stored_bytes(row, cols), cols, stored);
  for (std::size_t i = 0; i < cols; ++i) {
    const std::size_t at = source.stored.columns.empty() ? i : source.stored.columns[i];
    out[i] = source.part.scale * stored[at];
  }
  if (!std::all_of(out, out + cols, [](float value) { return std::isfinite(value); })) {
    throw Error(ErrorCode::kInvalidModel, "The tensor " + source.part.name +
                                              " holds a value that is not finite; download the "
                                              "model again or export it anew.");
  }
}

// Stored as the kernels want it: one tensor, from its first row to its last.
bool is_whole(const std::vector<Source>& sources) {
  const MatrixSpec::Part& part = sources[0].part;
  return sources.size() == 1 && part.first == 0 && (part.of == 0 || part.of == part.rows) &&
         part.scale == 1 && sources[0].stored.columns.empty();
}

PackedMatrix read_matrix(const MatrixSpec& spec, const StoredModel& stored) {
  const std::vector<Source> sources = sources_of(spec, stored);
  const std::size_t n = spec.rows(), k = spec.cols;
  if (is_whole(sources) && sources[0].type() == DType::kInt8) {
    const std::string& name = spec.parts[0].name;
    return PackedMatrix::pack(WeightType::int8, sources[0].row(0).tensor->data.data(),
                              stored.scales(name, n).data(), n, k);
  }
  std::vector<float> all(n * k), scratch(k);
  float* out = all.data();
  for (const Source& source : sources)
    for (std::size_t row = 0; row < source.part.rows; ++row, out += k)
      read_row(source, row, k, scratch.data(), out);
  if (is_whole(sources) && sources[0].type() == DType::kBF16)
    return PackedMatrix::pack(WeightType::bf16, sources[0].row(0).tensor->data.data(), nullptr, n,
                              k);
  return PackedMatrix::pack(WeightType::f32, all.data(), nullptr, n, k);
}

}  // namespace

Weights read_weights(const models::Plan& plan, const StoredModel& stored) {
  Weights weights;
  for (const MatrixSpec& spec : plan.matrices()) {
    weights.matrices.push_back(read_matrix(spec, stored));
    weights.parameters += spec.rows() * spec.cols;
    weights.bytes += weights.matrices.back().bytes();
  }
  std::set<std::string> counted;  // a tensor may serve twice
  for (const models::VectorSpec& spec : plan.vectors()) {
    std::vector<float> all = spec.values;
    for (const models::VectorSpec::Part& part : spec.parts) {
      std::vector<float> values = stored.vector(part.name, part.shape);
      if (counted.insert(part.name).second) weights.parameters += values.size();
      if (part.prepare) values = part.prepare(std::move(values));
      all.insert(all.end(), values.begin(), values.end());
    }
    weights.bytes += all.size() * sizeof(float);
    weights.vectors.push_back(std::move(all));
  }
  return weights;
}

}  // namespace stateline::engine
