// The engine against PyTorch: logits of test/golden for every number of state heads, two windows
// and all chunk sizes. The files and their script are described in model/golden.py.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "golden.h"

#include "engine/forward.h"
#include "engine_testing.h"

namespace stateline::testing {
namespace {

const std::filesystem::path kGolden =
    std::filesystem::path(__FILE__).parent_path() / "../../../test/golden";
constexpr std::size_t kMaxChunk = 257;

struct Run {
  std::size_t state_heads, window, chunk;
};

// Logits at `positions` (ascending), the tokens being read in chunks.
std::vector<float> logits_at(const Model& model, const Run& run, const Tokens& tokens,
                             const std::vector<std::int32_t>& positions) {
  kernels::ThreadPool pool(1);
  engine::Forward forward(model, pool, kMaxChunk);
  engine::LogitsHead head(model, pool, 1);
  Branch branch(model, *State::initial(model, run.state_heads, run.window));
  std::vector<float> out(positions.size() * model.plan().vocab_size);
  std::size_t next = 0;
  for (std::size_t at = 0; at < tokens.size(); at += run.chunk) {
    const std::size_t count = std::min(run.chunk, tokens.size() - at);
    forward.advance(branch, std::span(tokens).subspan(at, count), engine::Wanted::kAll);
    for (; next < positions.size() && static_cast<std::size_t>(positions[next]) < at + count;
         ++next) {
      const std::size_t row = static_cast<std::size_t>(positions[next]) - at;
      head.compute(forward.hidden() + row * model.plan().hidden_size, 1,
                   &out[next * model.plan().vocab_size]);
    }
  }
  REQUIRE(next == positions.size());
  return out;
}

// Chunk sizes 1..257 are dealt out over the ratios and windows, with the extremes for all of them.
std::vector<std::size_t> chunks_for(std::size_t deal, std::size_t of) {
  std::vector<std::size_t> chunks{1, 64, 256, 257};
  for (std::size_t chunk = 2 + deal; chunk < kMaxChunk; chunk += of) chunks.push_back(chunk);
  return chunks;
}

// The median, over the positions, of the greatest relative error among a position's logits.
double median_error(const std::vector<float>& a, const std::vector<float>& b, std::size_t vocab) {
  std::vector<double> errors;
  for (std::size_t at = 0; at < a.size(); at += vocab) {
    errors.push_back(
        relative_error(std::span(a).subspan(at, vocab), std::span(b).subspan(at, vocab)));
  }
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::nth_element(errors.begin(), middle, errors.end());
  return *middle;
}

struct Tolerance {
  double greatest, median;  // relative to the greatest logit
};

void check_case(const std::string& name, Tolerance tolerance) {
  CAPTURE(name);
  const Golden golden(kGolden / name / "golden.safetensors");
  const auto model = Model::load(kGolden / name);
  const auto tokens = golden.read<std::int32_t>("tokens");
  const auto positions = golden.read<std::int32_t>("positions");
  const std::size_t heads = model->plan().heads;
  Tolerance worst{0, 0};
  for (std::size_t state_heads = 0; state_heads <= heads; ++state_heads) {
    for (const std::size_t window : {std::size_t{320}, std::size_t{45}}) {
      const auto wanted = golden.read<float>("logits." + std::to_string(state_heads) + "." +
                                             std::to_string(window));
      for (const std::size_t chunk :
           chunks_for(2 * state_heads + (window == 45), 2 * (heads + 1))) {
        CAPTURE(state_heads);
        CAPTURE(window);
        CAPTURE(chunk);
        const auto logits = logits_at(*model, {state_heads, window, chunk}, tokens, positions);
        worst.greatest = std::max(worst.greatest, relative_error(logits, wanted));
        worst.median =
            std::max(worst.median, median_error(logits, wanted, model->plan().vocab_size));
        CHECK(worst.greatest <= tolerance.greatest);
        CHECK(worst.median <= tolerance.median);
      }
    }
  }
  MESSAGE(name << ": relative error of a logit at most " << worst.greatest
               << ", at the median position " << worst.median);
}

TEST_CASE("f32 logits agree with PyTorch within 1e-4 for all ratios, windows and chunks") {
  check_case("tiny-f32", {1e-4, 1e-5});
  check_case("tiny-shuffled-f32", {1e-4, 1e-5});
}

// Where float sums in another order round an activation the other way, the logits of that position
// move by a quantisation step. That is rare: the median position agrees as in f32.
TEST_CASE("int8 logits agree with PyTorch's quantised model within 2e-2") {
  check_case("tiny-int8", {2e-2, 1e-5});
}

}  // namespace
}  // namespace stateline::testing
