// Every family against the field's own implementation: logits of small random checkpoints, whatever
// the chunks, over pages' and chunks' borders, from states on the way, forked and rolled back. The
// files and their script are described in model/golden_families.py.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "../engine/golden.h"

#include <numeric>

#include "../engine/engine_testing.h"
#include "engine/forward.h"
#include "engine/serialize.h"

namespace stateline::testing {
namespace {

const std::filesystem::path kModels = std::filesystem::path(__FILE__).parent_path();
constexpr std::size_t kMaxChunk = 150;
constexpr double kTolerance = 1e-4;  // of the greatest logit

struct Variant {
  explicit Variant(const std::string& name)
      : golden(kModels / name / "golden.safetensors"),
        model(Model::load(kModels / name)),
        tokens(golden.read<std::int32_t>("tokens")),
        positions(golden.read<std::int32_t>("positions")),
        logits(golden.read<float>("logits")) {
    // Rows that only pad the embedding predict nothing here.
    const std::size_t stored = logits.size() / positions.size();
    for (std::size_t i = 0; i < positions.size(); ++i)
      std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(i * stored), vocab(),
                  logits.begin() + static_cast<std::ptrdiff_t>(i * vocab()));
    logits.resize(positions.size() * vocab());
  }

  std::size_t vocab() const { return model->plan().vocab_size; }
  StatePtr empty() const { return State::initial(*model, 0, 0); }

  Golden golden;
  std::shared_ptr<const Model> model;
  Tokens tokens;
  std::vector<std::int32_t> positions;
  std::vector<float> logits;  // [positions, vocab]
};

class Reader {
 public:
  explicit Reader(const Variant& variant)
      : variant_(variant),
        forward_(*variant.model, pool_, kMaxChunk),
        head_(*variant.model, pool_, 1) {}

  // Logits at the golden's positions, the tokens being read in chunks.
  std::vector<float> logits(std::size_t chunk) {
    Branch branch(*variant_.model, *variant_.empty());
    std::vector<float> out(variant_.positions.size() * variant_.vocab());
    std::size_t next = 0;
    for (std::size_t at = 0; at < variant_.tokens.size(); at += chunk) {
      const std::size_t count = std::min(chunk, variant_.tokens.size() - at);
      forward_.advance(branch, std::span(variant_.tokens).subspan(at, count), engine::Wanted::kAll);
      for (; next < variant_.positions.size() &&
             static_cast<std::size_t>(variant_.positions[next]) < at + count;
           ++next) {
        const std::size_t row = static_cast<std::size_t>(variant_.positions[next]) - at;
        head_.compute(forward_.hidden() + row * variant_.model->plan().hidden_size, 1,
                      &out[next * variant_.vocab()]);
      }
    }
    return out;
  }
  std::vector<float> logits_after(const State& state) {
    std::vector<float> out(variant_.vocab());
    head_.compute(state.memory().hidden.floats(), 1, out.data());
    return out;
  }
  std::vector<StatePtr> states(const StatePtr& from, std::span<const std::int32_t> tokens,
                               std::span<const std::size_t> stops) {
    Branch branch(*variant_.model, *from);
    return forward_.advance_through(branch, tokens, stops);
  }

 private:
  const Variant& variant_;
  kernels::ThreadPool pool_{2};
  engine::Forward forward_;
  engine::LogitsHead head_;
};

void check_golden(const std::string& name) {
  CAPTURE(name);
  const Variant variant(name);
  Reader reader(variant);
  double worst = 0;
  for (const std::size_t chunk : {1, 2, 7, 31, 32, 33, 63, 64, 65, 100, 150}) {
    CAPTURE(chunk);
    const double error = relative_error(reader.logits(chunk), variant.logits);
    CHECK(error <= kTolerance);
    worst = std::max(worst, error);
  }
  MESSAGE(name << ": relative error of a logit at most " << worst);
}

TEST_CASE("logits of every family agree with transformers within 1e-4, whatever the chunks") {
  for (const char* name : {"mamba2", "mamba2-groups", "mamba2-limit", "mamba2-untied", "mamba2-ssm",
                           "mamba2-ssm-groups", "granite", "granite-rope", "granite-experts",
                           "falcon", "falcon-norm", "falcon-gate-first", "qwen2", "qwen3-next",
                           "qwen3-next-dense", "qwen3-next-some-dense", "qwen3_5", "qwen3_5-text"})
    check_golden(name);
}

}  // namespace
}  // namespace stateline::testing
