// Classifiers of byte sequences: the numbers of PyTorch, streaming, constant memory, hostile files.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "classifier.h"
#include "formats/error.h"
#include "longrange/stream.h"
#include "longrange/whole.h"
#include "test/engine/golden.h"

namespace stateline::testing {
namespace {

using longrange::Model;
using longrange::Stream;

const std::filesystem::path kGolden =
    std::filesystem::path(__FILE__).parent_path() / "../../../test/golden/longrange";

void check_close(const std::vector<float>& expected, const std::vector<float>& actual) {
  REQUIRE(expected.size() == actual.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(actual[i] == doctest::Approx(expected[i]).epsilon(1e-5).scale(1));
}

TEST_CASE("logits and kernels agree with PyTorch for every family and ratio, at every level") {
  for (const char* name : {"low-rank", "low-rank-hybrid", "diagonal", "diagonal-hybrid",
                           "attention", "both-ways", "both-ways-low-rank"}) {
    CAPTURE(std::string(name));
    const Golden golden(kGolden / name / "golden.safetensors");
    for (const kernels::Kernels* level : kernels::available_kernels()) {
      CAPTURE(std::string(level->level));
      const auto model = Model::load(kGolden / name, *level);
      for (const char* length : {"1", "2", "63", "257", "1024"}) {
        CAPTURE(std::string(length));
        const auto ids = golden.read<std::int32_t>(std::string("tokens.") + length);
        const std::vector<std::uint8_t> tokens(ids.begin(), ids.end());
        check_close(golden.read<float>(std::string("logits.") + length),
                    longrange::classify(*model, 2, tokens).logits);
      }
      if (model->config().ssm_channels == 0) continue;
      kernels::ThreadPool pool(1);
      check_close(golden.read<float>("kernel"),
                  kernels::impulse_response(*level->ti_scan, pool,
                                            model->layers()[0].ssm->operators(), 200));
    }
  }
}

TEST_CASE("a sequence read in pieces gives the logits of one go") {
  for (const double ratio : {0.0, 0.5, 1.0}) {
    for (const char* family : {"low_rank", "diagonal"}) {
      CAPTURE(ratio);
      const auto model = Classifier(32, 2, ratio, family, 7).load();
      const std::vector<std::uint8_t> tokens = random_bytes(1700, 3);
      kernels::ThreadPool pool(2);
      Stream stream(*model, pool);
      for (std::size_t at = 0, piece = 1; at < tokens.size(); at += piece, piece += 29) {
        const std::size_t count = std::min(piece, tokens.size() - at);
        stream.read(std::span(tokens).subspan(at, count));
      }
      CHECK(stream.token_count() == tokens.size());
      check_close(longrange::classify(*model, 1, tokens).logits, stream.logits());
    }
  }
}

TEST_CASE("the memory of a state is constant, that of attention grows with the sequence") {
  const std::vector<std::uint8_t> tokens = random_bytes(60'000, 4);
  kernels::ThreadPool pool(2);
  const auto bytes_after = [&](double ratio, std::size_t count) {
    const auto model = Classifier(16, 1, ratio, "diagonal", 8).load();
    Stream stream(*model, pool);
    stream.read(std::span(tokens).first(count));
    for (const float logit : stream.logits()) CHECK(std::isfinite(logit));
    return stream.memory_bytes();
  };
  CHECK(bytes_after(1, 100) == bytes_after(1, tokens.size()));
  const std::size_t sum = 16 * sizeof(double);
  CHECK(bytes_after(0, 64) - sum == 2 * 4 * kernels::slot_bytes(4, 4));
  CHECK(bytes_after(0, 6400) - sum == 100 * (bytes_after(0, 64) - sum));
}

TEST_CASE("looking both ways a whole sequence has an answer; turned with its systems, the same") {
  const std::vector<std::uint8_t> tokens = random_bytes(1300, 5);
  const std::vector<std::uint8_t> turned(tokens.rbegin(), tokens.rend());
  Classifier classifier(32, 2, 1, "diagonal", 14, true);
  kernels::ThreadPool pool(2);
  CHECK_THROWS_WITH_AS(
      Stream(*classifier.load(), pool),
      "This classifier looks both ways and cannot stream; give it the whole sequence.", Error);
  const std::vector<float> logits = longrange::classify(*classifier.load(), 2, tokens).logits;
  for (const char* layer : {"layers.0.", "layers.1."})
    for (const char* name : {"D", "lambda_re", "lambda_im", "CB_re", "CB_im"})
      std::swap(classifier.tensors[layer + std::string("ssm.") + name],
                classifier.tensors[layer + std::string("ssm_back.") + name]);
  check_close(logits, longrange::classify(*classifier.load(), 1, turned).logits);
}

TEST_CASE("a cancelled reading stops, an empty one has no answer") {
  const auto model = Classifier(16, 1, 1, "diagonal", 9).load();
  kernels::ThreadPool pool(1);
  Stream stream(*model, pool);
  CHECK_THROWS_WITH_AS(stream.logits(), "The sequence is empty; give at least one byte.", Error);
  engine::Cancellation cancellation;
  cancellation.cancel();
  CHECK_THROWS_WITH_AS(stream.read(random_bytes(10, 1), &cancellation),
                       "The request was cancelled.", Error);
  CHECK(stream.token_count() == 0);
  const auto both = Classifier(16, 1, 0.5, "diagonal", 9, true).load();
  CHECK_THROWS_WITH_AS(longrange::classify(*both, 1, {}),
                       "The sequence is empty; give at least one byte.", Error);
  CHECK_THROWS_WITH_AS(longrange::classify(*both, 1, random_bytes(10, 1), &cancellation),
                       "The request was cancelled.", Error);
}

// What loading such a classifier is refused with; empty if it is not.
std::string fault(const Classifier& classifier) {
  try {
    classifier.load();
    return "";
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidModel);
    return error.what();
  }
}

TEST_CASE("a config.json out of bounds is refused with one sentence that names the field") {
  const Classifier good(32, 1, 0.5, "low_rank", 10);
  CHECK(fault(good) == "");
  const std::pair<const char*, nlohmann::json> cases[] = {{"model_type", "stateline"},
                                                          {"vocab_size", 257},
                                                          {"hidden_size", 1u << 30},
                                                          {"hidden_size", -1},
                                                          {"hidden_size", 32.5},
                                                          {"num_hidden_layers", 0},
                                                          {"num_hidden_layers", 17},
                                                          {"num_classes", 0},
                                                          {"class_names", "a"},
                                                          {"class_names", {1, 2, 3, 4}},
                                                          {"ssm_ratio", 1.5},
                                                          {"ssm_ratio", 0.33},
                                                          {"state_size", 0},
                                                          {"state_size", 257},
                                                          {"rank", 65},
                                                          {"family", "dense"},
                                                          {"num_heads", 3},
                                                          {"num_heads", 0},
                                                          {"bidirectional", 1},
                                                          {"rms_norm_eps", 0},
                                                          {"task", std::string(300, 'x')},
                                                          {"max_length", nullptr}};
  for (const auto& [field, value] : cases) {
    CAPTURE(std::string(field));
    Classifier bad = good;
    bad.config[field] = value;
    const std::string sentence = fault(bad);
    CHECK(sentence.find(std::string("config.json: \"") + field + "\" must ") != std::string::npos);
    CHECK(sentence.find("; use a config.json exported together with the model.") !=
          std::string::npos);
    bad.config.erase(field);
    CHECK(fault(bad).find("is missing") != std::string::npos);
  }
}

TEST_CASE("weights that are missing, misshapen, not finite or not stable are refused") {
  for (const char* family : {"low_rank", "diagonal"}) {
    const Classifier good(32, 1, 0.5, family, 11);
    for (const auto& [name, tensor] : good.tensors) {
      CAPTURE(name);
      Classifier bad = good;
      bad.tensors[name].values[0] = NAN;
      CHECK(fault(bad).find("not finite") != std::string::npos);
      bad = good;
      bad.tensors[name].shape.push_back(1);
      CHECK(fault(bad).find("where the configuration asks for") != std::string::npos);
      bad = good;
      bad.tensors.erase(name);
      CHECK(fault(bad).find("is missing") != std::string::npos);
    }
  }
  Classifier unstable(32, 1, 0.5, "low_rank", 12);
  unstable.tensors["layers.0.ssm.decay"].values[0] = 1.5f;
  CHECK(fault(unstable).find("decay lies outside (0, 1]") != std::string::npos);
  unstable = Classifier(32, 1, 0.5, "diagonal", 12);
  unstable.tensors["layers.0.ssm.lambda_re"].values[3] = 1.01f;
  CHECK(fault(unstable).find("outside the unit circle") != std::string::npos);
}

// decay bounds one factor of A alone: P and Q may still make it grow.
TEST_CASE("a network that leaves the finite numbers says so instead of answering") {
  Classifier growing(16, 1, 1, "low_rank", 13);
  for (float& value : growing.tensors["layers.0.ssm.P"].values) value = 3;
  for (float& value : growing.tensors["layers.0.ssm.Q"].values) value = 3;
  const auto model = growing.load();
  CHECK_THROWS_WITH_AS(
      longrange::classify(*model, 1, random_bytes(2000, 1)),
      "The network left the finite numbers on this sequence; export the model anew "
      "from a stable one.",
      Error);
}

}  // namespace
}  // namespace stateline::testing
