// Every family on a GPU: the goldens of test/models, whose f32 weights the GPU rounds to bf16.
#include <algorithm>
#include <cmath>
#include <span>

#include "cuda_engine_testing.h"
#include "golden.h"

namespace stateline::testing {
namespace {

const std::filesystem::path kModels =
    std::filesystem::path(__FILE__).parent_path() / "../../models";

std::filesystem::path file_of(const std::string& name) {
  const std::filesystem::path gguf = kModels / name / "model.gguf";
  return std::filesystem::exists(gguf) ? gguf : kModels / name;
}

struct Variant {
  explicit Variant(const std::string& name, const Library& library = library_under_test())
      : model(load_on(file_of(name), library)) {
    const Golden golden(kModels / name / "golden.safetensors");
    tokens = golden.read<std::int32_t>("tokens");
    positions = golden.read<std::int32_t>("positions");
    const std::vector<float> all = golden.read<float>("logits");
    // Rows that only pad the embedding predict nothing here.
    const std::size_t stored = all.size() / positions.size();
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const auto row = all.begin() + static_cast<std::ptrdiff_t>(i * stored);
      logits.insert(logits.end(), row, row + static_cast<std::ptrdiff_t>(vocab()));
    }
  }
  std::size_t vocab() const { return model->plan().vocab_size; }

  std::shared_ptr<const Model> model;
  Tokens tokens;
  std::vector<std::int32_t> positions;
  std::vector<float> logits;  // [positions, vocab]
};

// Chunks over the pages' borders, single tokens, and the rest.
const std::vector<std::size_t> kSizes{100, 31, 1, 1, 1, 7, 64};

// Of the logits at the golden's positions.
RowErrors errors_of(const Variant& variant) {
  const auto executor = variant.model->device()->make_executor(*variant.model, 1);
  Branch branch(*variant.model, *State::initial(*variant.model, 0, 0));
  std::vector<float> out(variant.logits.size());
  std::size_t next = 0, at = 0;
  for (std::size_t i = 0; at < variant.tokens.size(); ++i) {
    const std::size_t size = kSizes[std::min(i, kSizes.size() - 1)],
                      count = std::min(size, variant.tokens.size() - at);
    executor->advance(branch, std::span(variant.tokens).subspan(at, count), Wanted::kAll);
    for (; next < variant.positions.size(); ++next) {
      const std::size_t position = static_cast<std::size_t>(variant.positions[next]);
      if (position >= at + count) break;
      executor->logits_of_rows(position - at, 1, &out[next * variant.vocab()]);
    }
    at += count;
  }
  return row_errors(out, variant.logits, variant.vocab());
}

// What only the file's format tells apart is for families_test; one GGUF stands for them here.
const std::string kVariants[] = {
    "qwen2",       "granite",           "granite-rope", "mamba2-groups",
    "mamba2",      "mamba2-limit",      "falcon",       "gguf-qwen2",
    "falcon-norm", "falcon-gate-first", "qwen3_5-text", "qwen3-next-dense"};

TEST_CASE("logits of every family agree with transformers within bf16's rounding") {
  for (const std::string& name : kVariants) {
    CAPTURE(name);
    const RowErrors errors = errors_of(Variant(name));
    CHECK(errors.median <= kTolerance);
    CHECK(errors.worst <= 8 * kTolerance);
    MESSAGE(name << ": relative error of a logit " << errors.median << ", at most "
                 << errors.worst);
  }
}

// Where a router's logits are near each other, rounding takes another expert: what most rows show
// counts.
TEST_CASE("they do so with experts, but for the tokens of which another one is taken") {
  for (const std::string name : {"granite-experts", "qwen3-next"}) {
    CAPTURE(name);
    const RowErrors errors = errors_of(Variant(name));
    CHECK(errors.median <= kTolerance);
    MESSAGE(name << ": relative error of a logit " << errors.median << ", at most "
                 << errors.worst);
  }
}

// Tokens that follow a text which the window has begun to leave behind, three times over: launched,
// captured, replayed.
double decoding_error(const Pair& pair, std::uint64_t window) {
  const Tokens prefix = pair.tokens(100, 12);
  Reader gpu(*pair.gpu), cpu(*pair.cpu);
  const StatePtr gpu_start = gpu.read(State::initial(*pair.gpu, 0, window), prefix, {100}),
                 cpu_start = cpu.read(State::initial(*pair.cpu, 0, window), prefix, {100});
  double worst = 0;
  for (std::uint32_t round = 0; round < 3; ++round) {
    const Tokens tokens = pair.tokens(6, 13 + round);
    worst = std::max(
        worst, pair.error(*gpu.read(gpu_start, tokens, {1}), *cpu.read(cpu_start, tokens, {1})));
  }
  return worst;
}

TEST_CASE("a token turns by its place in the text, not by that among the pages") {
  const auto folder = kModels / "qwen2";
  CHECK(decoding_error({folder, library_under_test()}, 0) <= kTolerance);
  CHECK(decoding_error({folder, library_under_test()}, 40) <= kTolerance);
  const Library among_pages = with<&Library::rotate>(
      [](cuda::Queue* queue, const kernels::cuda::RotateArguments* arguments) {
        kernels::cuda::RotateArguments moved = *arguments;
        moved.theta = arguments->position > 0 ? moved.theta : 2;
        return library_under_test().rotate(queue, &moved);
      });
  CHECK(decoding_error({folder, among_pages}, 40) > kTolerance);
}

// The kernel's arguments, one of them changed.
template <auto Member, class Arguments, auto kChange>
Library changed() {
  return with<Member>([](cuda::Queue* queue, const Arguments* arguments) {
    Arguments wrong = *arguments;
    kChange(wrong);
    return (library_under_test().*Member)(queue, &wrong);
  });
}

TEST_CASE("what a family alone asks for is seen to be missing") {
  using namespace kernels::cuda;
  const std::pair<std::string, Library> faults[] = {
      {"qwen2",
       changed<&Library::linear, LinearArguments, [](LinearArguments& s) { s.bias = nullptr; }>()},
      {"granite",
       changed<&Library::linear, LinearArguments, [](LinearArguments& s) { s.scale = 1; }>()},
      {"granite",
       changed<&Library::embed, EmbeddingArguments, [](EmbeddingArguments& s) { s.scale = 1; }>()},
      {"granite-rope",
       changed<&Library::rotate, RotateArguments, [](RotateArguments& s) { s.theta = 2; }>()},
      {"mamba2-limit", changed<&Library::discretise, DiscretiseArguments,
                               [](DiscretiseArguments& s) { s.most = INFINITY; }>()},
      {"mamba2-groups",
       changed<&Library::recur, SsdArguments, [](SsdArguments& s) { s.heads_per_key = 4; }>()},
      {"falcon-norm", changed<&Library::end_heads, HeadEndArguments,
                              [](HeadEndArguments& s) { s.gate_first = !s.gate_first; }>()},
      {"qwen3_5-text",
       changed<&Library::recur, SsdArguments, [](SsdArguments& s) { s.delta = false; }>()},
      {"qwen3_5-text", changed<&Library::gate, GateArguments,
                               [](GateArguments& s) { s.f = kernels::cuda::Activation::silu; }>()},
  };
  for (const auto& [name, faulty] : faults) {
    CAPTURE(name);
    const auto error = [&]() -> double {
      try {
        return errors_of(Variant(name, faulty)).median;
      } catch (const Error&) {
        return INFINITY;  // the GPU stopped at memory that is not there
      }
    };
    CHECK(error() > kTolerance);
  }
}

}  // namespace
}  // namespace stateline::testing
