// The engine on a GPU against the engine on the processor: the same weights (rounded to bf16 for
// both), the same tokens. States are compared by their stored bytes, which do not know the device.
// The GPU is that of the library that STATELINE_CUDA_LIBRARY names (./dev test:gpu), by default the
// emulator's. STATELINE_CUDA_SHAPES (./dev test:cuda) asks for longer texts and all windows.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <span>

#include "cuda_engine_testing.h"

namespace stateline::testing {
namespace {

bool thorough() { return std::getenv("STATELINE_CUDA_SHAPES") != nullptr; }

// The worst error after a prefill that is cut twice and continued token by token, then forked.
double reading_error(const Pair& pair, std::size_t state_heads, std::uint64_t window) {
  const Tokens text = pair.tokens(thorough() ? 300 : 106, 7), other = pair.tokens(3, 8);
  const auto after = [&](const Model& model, const StatePtr& from, const Tokens& tokens) {
    return read(model, from, tokens, {65, 38, 1});
  };
  const StatePtr gpu = after(*pair.gpu, State::initial(*pair.gpu, state_heads, window), text),
                 cpu = after(*pair.cpu, State::initial(*pair.cpu, state_heads, window), text);
  double worst = pair.error(*gpu, *cpu);
  worst = std::max(worst, pair.error(*after(*pair.gpu, gpu, other), *after(*pair.cpu, cpu, other)));
  worst = std::max(worst, pair.error(*gpu, *cpu));  // the fork left it alone
  return worst;
}

struct Predictions {
  std::vector<float> rows, last;  // [tokens, vocab], [vocab]
};

Predictions predict(const Model& model, const StatePtr& from, const Tokens& tokens) {
  const auto executor = model.device()->make_executor(model, 1);
  const std::size_t vocab = model.plan().vocab_size;
  Branch branch(model, *from);
  executor->advance(branch, tokens, Wanted::kAll);
  Predictions out{std::vector<float>(tokens.size() * vocab), std::vector<float>(vocab)};
  executor->logits_of_rows(0, tokens.size(), out.rows.data());
  executor->logits(branch.freeze()->memory().hidden, out.last.data());
  return out;
}

void check_rows(std::span<const float> gpu, std::span<const float> cpu, std::size_t vocab) {
  const RowErrors errors = row_errors(gpu, cpu, vocab);
  CHECK(errors.median <= kTolerance);
  CHECK(errors.worst <= 8 * kTolerance);
}

template <typename Result, typename Ask>
Result wait_for(Ask ask) {
  Waiting<Result> waiting;
  ask(waiting.reply());
  return waiting.get();
}

engine::GenerateResult generate(Engine& engine, StatePtr state, std::size_t count,
                                std::optional<engine::RecallOptions> recall = std::nullopt) {
  engine::GenerateOptions options;
  options.max_tokens = count;
  options.recall = std::move(recall);
  return wait_for<engine::GenerateResult>([&](auto reply) {
    engine.generate(std::move(state), std::move(options), {}, std::move(reply));
  });
}

// Greedy tokens are the same up to where the two best are nearer than the tolerance.
void check_same_choice(const engine::GenerateResult& gpu, const engine::GenerateResult& cpu) {
  std::size_t same = 0;
  for (; same < cpu.tokens.size() && gpu.tokens[same] == cpu.tokens[same]; ++same)
    CHECK(std::fabs(gpu.log_probs[same] - cpu.log_probs[same]) <= 0.05);
  CHECK(same >= 8);
  if (same < cpu.tokens.size()) CHECK(std::fabs(gpu.log_probs[same] - cpu.log_probs[same]) <= 0.05);
}

TEST_CASE("reading on the GPU gives the processor's states at all ratios, and forks stay apart") {
  const Pair pair(11, library_under_test());
  for (std::size_t state_heads = 0; state_heads <= 4; ++state_heads) {
    for (const std::uint64_t window : {0, 40}) {
      if (window != 0 && state_heads % 2 == 1 && !thorough()) continue;
      CAPTURE(state_heads);
      CAPTURE(window);
      CHECK(reading_error(pair, state_heads, window) <= kTolerance);
    }
  }
}

// The worst error of a text decoded token by token three times over: launched, captured, replayed.
double decoding_error(const Pair& pair, std::size_t state_heads, std::uint64_t window) {
  const Tokens prefix = pair.tokens(60, 12);
  Reader gpu(*pair.gpu), cpu(*pair.cpu);
  const auto start = [&](const Model& model, Reader& reader) {
    return reader.read(State::initial(model, state_heads, window), prefix, {60});
  };
  const StatePtr gpu_start = start(*pair.gpu, gpu), cpu_start = start(*pair.cpu, cpu);
  double worst = 0;
  for (std::uint32_t round = 0; round < 3; ++round) {
    const Tokens tokens = pair.tokens(8, 13 + round);
    worst = std::max(
        worst, pair.error(*gpu.read(gpu_start, tokens, {1}), *cpu.read(cpu_start, tokens, {1})));
  }
  return worst;
}

TEST_CASE("decoding on the GPU gives the processor's states, the first time and when replayed") {
  const Pair pair(11, library_under_test());
  for (const std::size_t state_heads : {0, 2, 4}) {
    CAPTURE(state_heads);
    CHECK(decoding_error(pair, state_heads, 40) <= kTolerance);
  }
}

TEST_CASE("logits of a chunk's rows and of a state agree") {
  const Pair pair(21, library_under_test());
  for (const std::size_t state_heads : {0, 2, 4}) {
    CAPTURE(state_heads);
    const std::size_t vocab = pair.cpu->plan().vocab_size;
    const Tokens before = pair.tokens(40, 22), tokens = pair.tokens(31, 23);
    const auto predicted = [&](const Model& model) {
      return predict(model, read(model, State::initial(model, state_heads, 0), before, {40}),
                     tokens);
    };
    const Predictions gpu = predicted(*pair.gpu), cpu = predicted(*pair.cpu);
    check_rows(gpu.rows, cpu.rows, vocab);
    check_rows(gpu.last, cpu.last, vocab);
  }
}

TEST_CASE("int8 weights reach the GPU as they are") {
  const Pair pair(
      std::filesystem::path(__FILE__).parent_path() / "../../../../test/golden/tiny-int8",
      library_under_test());
  const Tokens tokens = pair.tokens(32, 24);
  const auto predicted = [&](const Model& model) {
    return predict(model, State::initial(model, 2, 0), tokens);
  };
  // The processor also rounds activations to int8.
  CHECK(relative_error(predicted(*pair.gpu).rows, predicted(*pair.cpu).rows) <= 0.1);
}

TEST_CASE("a stored state goes from either device to the other, and back unchanged") {
  const Pair pair(31, library_under_test());
  const Tokens text = pair.tokens(45, 32), rest = pair.tokens(20, 33);
  for (const std::size_t state_heads : {1, 4}) {
    CAPTURE(state_heads);
    const StatePtr cpu = read(*pair.cpu, State::initial(*pair.cpu, state_heads, 0), text, {45});
    const StatePtr moved = engine::restore(*pair.gpu, engine::serialize(*cpu));
    CHECK(pair.error(*moved, *cpu) <= 1.0 / 256);
    CHECK(pair.error(*read(*pair.gpu, moved, rest, {20}), *read(*pair.cpu, cpu, rest, {20})) <=
          kTolerance);
    const std::vector<std::byte> bytes = engine::serialize(*moved);
    CHECK(engine::serialize(*engine::restore(*pair.gpu, bytes)) == bytes);
  }
}

TEST_CASE("jobs on the GPU: checkpoints, scores, greedy tokens, recall and drafts, cancellation") {
  const Pair pair(41, library_under_test());
  Engine gpu(pair.gpu, 1), cpu(pair.cpu, 1);
  const Tokens text = pair.tokens(60, 42);
  Tokens repeated(text.begin() + 20, text.end());
  const auto start = [&](const Model& model) { return State::initial(model, 2, 0); };

  const auto scored = [&](Engine& engine) {
    return wait_for<engine::ScoreResult>([&](auto reply) {
      engine.score(start(engine.model()), text, std::nullopt, {}, std::move(reply));
    });
  };
  const engine::ScoreResult gpu_score = scored(gpu), cpu_score = scored(cpu);
  for (std::size_t i = 1; i < text.size(); ++i)
    CHECK(std::fabs(gpu_score.log_probs[i] - cpu_score.log_probs[i]) <= 0.1);

  const auto states = wait_for<std::vector<StatePtr>>([&](auto reply) {
    gpu.advance(start(*pair.gpu), text, {0, 33, 60}, {}, std::move(reply));
  });
  REQUIRE(states.size() == 3);
  CHECK(pair.error(*states[2], *cpu_score.state) <= kTolerance);

  check_same_choice(generate(gpu, states[2], 24), generate(cpu, cpu_score.state, 24));
  const engine::RecallOptions recall{nullptr, text, 8};
  check_same_choice(generate(gpu, states[2], 24, recall),
                    generate(cpu, cpu_score.state, 24, recall));

  const auto cancellation = std::make_shared<engine::Cancellation>();
  cancellation->cancel();
  CHECK_THROWS_WITH(advance(gpu, states[1], repeated, {Priority::kBackground, cancellation}),
                    "The request was cancelled.");
  CHECK_THROWS(log_probs(gpu, cpu_score.state));  // of another device
}

TEST_CASE("planted faults between engine and GPU are seen by these comparisons") {
  // Infinite where the GPU stops at memory that nobody wrote, as the emulator does.
  const auto error_with = [](const Library& faulty, std::size_t state_heads) -> double {
    try {
      return reading_error(Pair(11, faulty), state_heads, 0);
    } catch (const Error&) {
      return INFINITY;
    }
  };
  // A successor that is not copied has its memory's zeros, not what was read.
  const Library no_copy = with<&Library::copy>(
      [](cuda::Gpu*, std::byte*, const std::byte*, std::size_t) -> const char* { return nullptr; });
  CHECK(error_with(no_copy, 4) > 10 * kTolerance);
  const Library late = with<&Library::attend>(
      [](cuda::Queue* queue, const kernels::cuda::AttentionArguments* arguments) {
        kernels::cuda::AttentionArguments shifted = *arguments;
        shifted.window = 20;
        return library_under_test().attend(queue, &shifted);
      });
  CHECK(error_with(late, 0) > kTolerance);
  const Library wrong_heads = with<&Library::write>(
      [](cuda::Gpu* gpu, std::byte* to, const std::byte* from, std::size_t bytes) {
        const auto orders = rounded_config().head_switch_order;
        const auto bytes_of = [&](std::size_t layer) {
          return std::as_bytes(std::span(orders[layer]));
        };
        const auto is = [&](std::size_t layer) {
          return std::ranges::equal(std::span(from, bytes), bytes_of(layer));
        };
        const std::byte* swapped = is(0) ? bytes_of(1).data() : is(1) ? bytes_of(0).data() : from;
        return library_under_test().write(gpu, to, swapped, bytes);
      });
  CHECK(error_with(wrong_heads, 2) > kTolerance);

  // The check at the start, which knows no tolerance this fine, still sees what matters.
  const auto sentence = [](const Library& faulty) {
    return sentence_of([&] { Engine(Pair(11, faulty).gpu, 1).check_device(); });
  };
  CHECK(sentence(library_under_test()) == "");
  CHECK(sentence(wrong_heads).find("computes something else than the processor") !=
        std::string::npos);
}

}  // namespace
}  // namespace stateline::testing
