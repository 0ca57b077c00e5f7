// The file of recall's weights beside a model: read as it is written, refused in one sentence.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/recall_weights.h"

#include <doctest/doctest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint.h"
#include "formats/error.h"

namespace stateline::engine {
namespace {

using nlohmann::json;

// Every number another one.
json different() {
  float next = 0;
  const auto row = [&](std::size_t cols) {
    json out = json::array();
    for (std::size_t i = 0; i < cols; ++i) out.push_back(next += 0.5f);
    return out;
  };
  const auto table = [&](std::size_t rows, std::size_t cols) {
    json out = json::array();
    for (std::size_t i = 0; i < rows; ++i) out.push_back(row(cols));
    return out;
  };
  using W = RecallWeights;
  return {{"gates", table(W::kLevels, W::kGateFeatures)},
          {"outlook", table(W::kOutlookFeatures, W::kUnits)},
          {"candidate", table(W::kCandidateFeatures, W::kUnits)},
          {"output", row(W::kUnits)},
          {"outputBias", -1.5}};
}

struct Fixture {
  testing::TemporaryDirectory directory;
  std::filesystem::path folder = directory.path(), gguf = folder / "model.q4.gguf";

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name, std::ios::binary) << text;
  }
};

TEST_CASE_FIXTURE(Fixture, "a model has the weights beside it, else those that are built in") {
  write("model.q4.gguf", "a model");
  for (const auto& [model, file] :
       {std::pair(folder, "recall.json"), std::pair(gguf, "model.q4.recall.json")}) {
    CAPTURE(file);
    CHECK(read_recall_weights(model).gates == kDefaultRecallWeights.gates);
    CHECK(read_recall_weights(model).output == kDefaultRecallWeights.output);
    write(file, different().dump());
    const RecallWeights weights = read_recall_weights(model);
    CHECK(weights.gates[0][0] == 0.5f);
    CHECK(weights.gates[15][5] == 48.0f);
    CHECK(weights.outlook[0][0] == 48.5f);
    CHECK(weights.candidate[18][31] == 528.0f);
    CHECK(weights.output[31] == 544.0f);
    CHECK(weights.output_bias == -1.5f);
  }
}

TEST_CASE_FIXTURE(Fixture, "weights that are none are refused in one sentence") {
  const std::pair<const char*, std::function<void(json&)>> cases[] = {
      {"\"gates\"", [](json& j) { j.erase("gates"); }},
      {"16 rows", [](json& j) { j["gates"].erase(0); }},
      {"6 numbers", [](json& j) { j["gates"][3].push_back(1); }},
      {"6 numbers", [](json& j) { j["gates"][3] = "many"; }},
      {"within 1000", [](json& j) { j["outlook"][0][0] = 1e9; }},
      {"within 1000", [](json& j) { j["candidate"][0][0] = nullptr; }},
      {"32 numbers", [](json& j) { j["output"] = 1; }},
      {"\"outputBias\"", [](json& j) { j["outputBias"] = json::array(); }},
  };
  const auto fault = [&](const std::string& text) -> std::string {
    write("recall.json", text);
    try {
      read_recall_weights(folder);
      return "";
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidModel);
      return error.what();
    }
  };
  for (const auto& [part, spoil] : cases) {
    json file = different();
    spoil(file);
    const std::string sentence = fault(file.dump());
    CHECK_MESSAGE(sentence.find(part) != std::string::npos, sentence);
    CHECK_MESSAGE(sentence.find("recall.json") != std::string::npos, sentence);
    CHECK_MESSAGE(sentence.find('\n') == std::string::npos, sentence);
  }
  CHECK(fault("[]") != "");
  CHECK(fault("{") != "");
  CHECK(fault(std::string(2 << 20, ' ')) != "");
}

}  // namespace
}  // namespace stateline::engine
