// Every family against the field's own implementation: logits of small random checkpoints, whatever
// the chunks, over pages' and chunks' borders, from states on the way, forked and rolled back. The
// files and their script are described in model/golden_families.py.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "../engine/golden.h"

#include <cstdlib>
#include <numeric>
#include <string_view>
#include <utility>

#include "../engine/engine_testing.h"
#include "engine/cpu_device.h"
#include "engine/forward.h"
#include "engine/serialize.h"
#include "kernels/recurrent_log.h"

namespace stateline::testing {
namespace {

const std::filesystem::path kModels = std::filesystem::path(__FILE__).parent_path();
constexpr std::size_t kMaxChunk = 150;
constexpr double kTolerance = 1e-4;  // of the greatest logit

// Logs whatever can be, though it pays only for larger heads than these.
class LoggingDevice : public engine::CpuDevice {
 public:
  std::size_t log_bytes(const models::RecurrentMemory& memory) const override {
    return kernels::log_bytes(memory.heads, memory.heads / memory.key_heads, memory.K, memory.V);
  }
};

std::filesystem::path file_of(const std::string& name) {
  const std::filesystem::path gguf = kModels / name / "model.gguf";
  return std::filesystem::exists(gguf) ? gguf : kModels / name;
}

struct Variant {
  Variant(const std::string& name, std::shared_ptr<engine::Device> device,
          engine::Rounding rounding = engine::Rounding::kNone)
      : golden(kModels / name / "golden.safetensors"),
        model(Model::load(file_of(name), kernels::kernels(), std::move(device), rounding)),
        tokens(golden.read<std::int32_t>("tokens")) {
    take(golden);
  }

  // Of the file: at which tokens what is predicted.
  void take(const Golden& golden) {
    positions = golden.read<std::int32_t>("positions");
    logits = golden.read<float>("logits");
    // Rows that only pad the embedding predict nothing here.
    const std::size_t stored = logits.size() / positions.size();
    for (std::size_t i = 0; i < positions.size(); ++i)
      std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(i * stored), vocab(),
                  logits.begin() + static_cast<std::ptrdiff_t>(i * vocab()));
    logits.resize(positions.size() * vocab());
  }

  // Forgets what comes after so many tokens.
  void end_at(std::size_t count) {
    tokens.resize(count);
    std::erase_if(positions, [&](std::int32_t at) { return std::cmp_less_equal(count, at); });
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
  StatePtr read(const StatePtr& from, std::span<const std::int32_t> tokens, std::size_t chunk) {
    Branch branch(*variant_.model, *from);
    for (std::size_t at = 0; at < tokens.size(); at += chunk)
      forward_.advance(branch, tokens.subspan(at, std::min(chunk, tokens.size() - at)));
    return branch.freeze();
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

void check_golden(const std::string& name, std::shared_ptr<engine::Device> device) {
  CAPTURE(name);
  const Variant variant(name, std::move(device));
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

const std::string kVariants[] = {"mamba2",
                                 "mamba2-groups",
                                 "mamba2-limit",
                                 "mamba2-untied",
                                 "mamba2-ssm",
                                 "mamba2-ssm-groups",
                                 "granite",
                                 "granite-rope",
                                 "granite-experts",
                                 "falcon",
                                 "falcon-norm",
                                 "falcon-gate-first",
                                 "qwen2",
                                 "qwen3-next",
                                 "qwen3-next-dense",
                                 "qwen3-next-some-dense",
                                 "qwen3_5",
                                 "qwen3_5-text",
                                 "qwen2-sharded",
                                 "gguf-mamba2",
                                 "gguf-granite",
                                 "gguf-granite-experts",
                                 "gguf-falcon",
                                 "gguf-qwen2",
                                 "gguf-qwen35"};

TEST_CASE("logits of every family agree with transformers within 1e-4, whatever the chunks") {
  for (const std::string& name : kVariants)
    check_golden(name, std::make_shared<engine::CpuDevice>());
}

TEST_CASE("they do so where recurrent memory is a base and a log") {
  for (const std::string& name : kVariants) check_golden(name, std::make_shared<LoggingDevice>());
}

// As in model/golden_families.py.
Tokens long_tokens() {
  Tokens tokens(65536);
  for (std::uint64_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<std::int32_t>((i * i * 31 + i * 17 + i / 7) % 250);
  return tokens;
}

// One text for states that forget, a delta rule, and caches of 64 k slots. What attends takes
// minutes there, so it ends at 32 k unless STATELINE_LONG=full.
TEST_CASE("so many tokens later they still agree: 64 k, as a base and a log too") {
  const char* given = std::getenv("STATELINE_LONG");
  const bool full = given != nullptr && std::string_view(given) == "full";
  for (const std::string name : {"mamba2-groups", "granite", "falcon", "qwen3_5-text"}) {
    CAPTURE(name);
    Variant variant(name, std::make_shared<LoggingDevice>());
    variant.take(Golden(kModels / name / "long.safetensors"));
    variant.tokens = long_tokens();
    if (!full && name != "mamba2-groups") variant.end_at(32'768);
    const double error = relative_error(Reader(variant).logits(kMaxChunk), variant.logits);
    CHECK(error <= kTolerance);
    MESSAGE(name << ": relative error of a logit at most " << error);
  }
}

// Small networks of random weights show rounding far more than trained ones, and a router may take
// another expert: what most of them show counts.
TEST_CASE("rounded to int8 and int4 in blocks, most logits stay near") {
  for (const auto& [rounding, tolerance] :
       {std::pair{engine::Rounding::kInt8, 0.05}, std::pair{engine::Rounding::kInt4, 0.5}}) {
    std::vector<double> errors;
    for (const std::string& name : kVariants) {
      const Variant variant(name, std::make_shared<engine::CpuDevice>(), rounding);
      errors.push_back(relative_error(Reader(variant).logits(50), variant.logits));
      MESSAGE(name << ": " << variant.model->quantization() << ", error " << errors.back());
    }
    std::sort(errors.begin(), errors.end());
    CHECK(errors[errors.size() / 2] <= tolerance);
  }
}

// The states after each of 75 tokens that follow 40 others, then what each says after 20 more.
TEST_CASE("states on the way are those of texts that end there, and go on apart from each other") {
  for (const std::string& name : kVariants) {
    for (const bool logged : {false, true}) {
      CAPTURE(name);
      CAPTURE(logged);
      std::shared_ptr<engine::Device> device = std::make_shared<engine::CpuDevice>();
      if (logged) device = std::make_shared<LoggingDevice>();
      const Variant variant(name, device);
      Reader reader(variant);
      const auto text = std::span(variant.tokens);
      const StatePtr start = reader.read(variant.empty(), text.first(40), 40);
      std::vector<std::size_t> everywhere(75);
      std::iota(everywhere.begin(), everywhere.end(), std::size_t{1});
      const std::vector<StatePtr> states = reader.states(start, text.subspan(40, 75), everywhere);
      REQUIRE(states.size() == everywhere.size());
      for (const std::size_t at : {74, 3, 40, 23, 24, 55, 56, 0, 74}) {
        CAPTURE(at);
        const StatePtr whole = reader.read(variant.empty(), text.first(41 + at), 41 + at);
        CHECK(relative_error(reader.logits_after(*states[at]), reader.logits_after(*whole)) <=
              kTolerance);
        const auto rest = text.last(20);
        const std::vector<float> wanted = reader.logits_after(*reader.read(whole, rest, 20));
        for (const std::size_t chunk : {1, 20})
          CHECK(relative_error(reader.logits_after(*reader.read(states[at], rest, chunk)),
                               wanted) <= kTolerance);
        const StatePtr twin = engine::restore(*variant.model, engine::serialize(*states[at]));
        CHECK(relative_error(reader.logits_after(*reader.read(twin, rest, 7)), wanted) <=
              kTolerance);
      }
    }
  }
}

// A text that repeats is drafted from itself; drafts are taken and refused.
TEST_CASE("greedy text is the same with drafts and without, where recurrent memory is logged") {
  for (const std::string name : {"mamba2", "granite", "falcon", "qwen2", "qwen3_5-text"}) {
    CAPTURE(name);
    const Variant variant(name, std::make_shared<LoggingDevice>());
    engine::Engine engine(variant.model, 1);
    Tokens text(variant.tokens.begin(), variant.tokens.begin() + 40);
    text.insert(text.end(), variant.tokens.begin(), variant.tokens.begin() + 20);
    const StatePtr start = advance(engine, variant.empty(), text);
    const auto decoded = [&](std::size_t draft_tokens) {
      Waiting<engine::GenerateResult> waiting;
      engine::GenerateOptions options;
      options.max_tokens = 60;
      options.recall = engine::RecallOptions{nullptr, text, draft_tokens};
      engine.generate(start, options, {}, waiting.reply());
      return waiting.get();
    };
    const engine::GenerateResult plain = decoded(0), drafted = decoded(16);
    CHECK(drafted.tokens == plain.tokens);
    const StatePtr again = advance(engine, start, plain.tokens);
    CHECK(relative_error(log_probs(engine, drafted.state), log_probs(engine, again)) <= kTolerance);
  }
}

}  // namespace
}  // namespace stateline::testing
