// A model without weights of its own has the real one's shape, and computes finite numbers.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "../engine/engine_testing.h"

namespace stateline::testing {
namespace {

const std::filesystem::path kModels = std::filesystem::path(__FILE__).parent_path();

TEST_CASE("a blank model of every family has the real one's sizes and finite logits") {
  std::size_t families = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kModels)) {
    if (!std::filesystem::exists(entry.path() / "config.json")) continue;
    CAPTURE(entry.path().filename().string());
    const auto real = Model::load(entry.path());
    for (const engine::Rounding rounding : {engine::Rounding::kNone, engine::Rounding::kInt8}) {
      const auto blank = Model::blank(entry.path(), kernels::kernels(), nullptr, rounding);
      CHECK(blank->parameters() == real->parameters());
      CHECK(blank->plan().vocab_size == real->plan().vocab_size);
      Engine engine(blank, 1);
      const StatePtr state = advance(engine, State::initial(*blank, 0, 0), {1, 2, 3, 4, 5});
      for (const float log_prob : log_probs(engine, state)) REQUIRE(std::isfinite(log_prob));
    }
    ++families;
  }
  CHECK(families > 10);
}

TEST_CASE("a shape that cannot be read is one sentence") {
  const TemporaryDirectory folder;
  CHECK_THROWS_AS(Model::blank(folder.path()), Error);
  std::ofstream(folder.path() / "config.json") << R"({"model_type": "unheard_of"})";
  CHECK_THROWS_AS(Model::blank(folder.path()), Error);
}

}  // namespace
}  // namespace stateline::testing
