#include "engine/recall_weights.h"

#include <string>
#include <system_error>

#include "engine/recall_defaults.h"
#include "formats/fields.h"
#include "formats/mapped_file.h"

namespace stateline::engine {
namespace {

using formats::Fields;
using formats::Json;

// Beyond it no gate or factor would depend on anything else.
constexpr double kGreatest = 1000;

template <std::size_t size>
void read(const Fields& file, const std::string& field, const Json& json,
          std::array<float, size>& row) {
  const std::string shape = "must be a list of " + std::to_string(size) + " numbers";
  if (!json.is_array() || json.size() != size) file.fail(field, shape);
  for (std::size_t i = 0; i < size; ++i) {
    const double value = json[i].is_number() ? json[i].template get<double>() : 2 * kGreatest;
    if (!(value >= -kGreatest && value <= kGreatest)) file.fail(field, shape + " within 1000");
    row[i] = static_cast<float>(value);
  }
}

template <std::size_t rows, std::size_t cols>
void read(const Fields& file, const std::string& field, const Json& json,
          std::array<std::array<float, cols>, rows>& table) {
  if (!json.is_array() || json.size() != rows)
    file.fail(field, "must be a list of " + std::to_string(rows) + " rows");
  for (std::size_t i = 0; i < rows; ++i) read(file, field, json[i], table[i]);
}

std::filesystem::path file_of(std::filesystem::path model) {
  std::error_code ignored;  // what cannot be examined is opened by nobody
  if (std::filesystem::is_directory(model, ignored)) return model / "recall.json";
  return model.replace_extension(".recall.json");
}

}  // namespace

const RecallWeights kDefaultRecallWeights{recall_defaults::kGates, recall_defaults::kOutlook,
                                          recall_defaults::kCandidate, recall_defaults::kOutput,
                                          recall_defaults::kOutputBias};

RecallWeights read_recall_weights(const std::filesystem::path& model) {
  const std::filesystem::path path = file_of(model);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return kDefaultRecallWeights;
  const formats::MappedFile mapped(path);
  const Json json = formats::parse_configuration(mapped.bytes(), mapped.name());
  const Fields file(json, mapped.name(), "fit it again by ./dev eval fit, or delete it");
  RecallWeights weights;
  read(file, "gates", file.field("gates"), weights.gates);
  read(file, "outlook", file.field("outlook"), weights.outlook);
  read(file, "candidate", file.field("candidate"), weights.candidate);
  read(file, "output", file.field("output"), weights.output);
  weights.output_bias = static_cast<float>(file.real("outputBias", -kGreatest, kGreatest));
  return weights;
}

}  // namespace stateline::engine
