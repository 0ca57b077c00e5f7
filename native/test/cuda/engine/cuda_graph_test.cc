// Decoded tokens on the emulated GPU: their launches are replayed as graphs, to the byte what plain
// launches give; and what can go wrong around a graph is planted to see that it shows.
#include <cmath>
#include <thread>

#include "cuda/gpu.h"
#include "cuda/step_graphs.h"
#include "cuda_engine_testing.h"
#include "emulated_machine.h"

namespace stateline::testing {
namespace {

constexpr std::size_t kPrefix = 60;  // tokens read at once; the fifth after them begins a page

// Two engines that go on from the same texts, token by token.
class Decoder {
 public:
  // What was read so far, on either device.
  struct Text {
    StatePtr gpu, cpu;
  };

  explicit Decoder(const Pair& pair) : pair_(pair), gpu_(*pair.gpu), cpu_(*pair.cpu) {}

  Text read(std::size_t state_heads, std::uint64_t window, std::size_t count = kPrefix) {
    const Tokens tokens = pair_.tokens(count, 82);
    return {gpu_.read(State::initial(*pair_.gpu, state_heads, window), tokens, {count}),
            cpu_.read(State::initial(*pair_.cpu, state_heads, window), tokens, {count})};
  }
  std::vector<std::byte> decode(const Text& text, const Tokens& tokens) {
    return engine::serialize(*on_gpu(text, tokens));
  }
  // Of the GPU's state after the tokens; infinite if the GPU fails.
  double error(const Text& text, const Tokens& tokens) {
    try {
      return pair_.error(*on_gpu(text, tokens), *cpu_.read(text.cpu, tokens, {1}));
    } catch (const Error&) {
      return INFINITY;
    }
  }

 private:
  StatePtr on_gpu(const Text& text, const Tokens& tokens) {
    return kept_.emplace_back(gpu_.read(text.gpu, tokens, {1}));
  }

  const Pair& pair_;
  Reader gpu_, cpu_;
  std::vector<StatePtr> kept_;  // so that no state gets the memory of an earlier one
};

std::size_t graph_launches() { return Machine::get().graph_launches; }

TEST_CASE("a token that comes again at its place is replayed in new memory, to the same bytes") {
  const Pair pair(81, library());
  const Tokens tokens = pair.tokens(6, 83), others = pair.tokens(6, 84);
  Decoder decoder(pair);
  for (const std::size_t state_heads : {0, 2, 4}) {
    CAPTURE(state_heads);
    const Decoder::Text text = decoder.read(state_heads, 0);
    const std::size_t before = graph_launches();
    const auto launched = decoder.decode(text, tokens);
    // Without attention each token is at the same place.
    CHECK(graph_launches() - before == (state_heads == 4 ? 5 : 0));
    for (int round = 0; round < 2; ++round) {
      const std::size_t replayed = graph_launches();
      CHECK(decoder.decode(text, tokens) == launched);
      CHECK(graph_launches() - replayed == 6);
    }
    CHECK(decoder.error(text, others) <= kTolerance);
  }
}

TEST_CASE("at the end of a window the places come again every 32 tokens") {
  const Pair pair(81, library());
  Decoder decoder(pair);
  const Decoder::Text text = decoder.read(2, 8);
  const std::size_t before = graph_launches();
  CHECK(decoder.error(text, pair.tokens(40, 85)) <= kTolerance);
  CHECK(graph_launches() - before == 8);
}

TEST_CASE("texts of other ratios, windows and lengths between do not disturb each other") {
  const Pair pair(81, library());
  const Tokens tokens = pair.tokens(2, 87);
  Decoder decoder(pair);
  const Decoder::Text texts[] = {decoder.read(2, 0), decoder.read(2, 50), decoder.read(3, 0),
                                 decoder.read(4, 0)};
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    for (const Decoder::Text& text : texts) CHECK(decoder.error(text, tokens) <= kTolerance);
    if (round == 1) decoder.read(2, 0, 200);  // the table of pages outgrows its place
  }
}

TEST_CASE("where launches cannot be captured they go on one by one") {
  const MachineGuard guard;
  Machine& machine = Machine::get();
  const Pair pair(81, library());
  const Tokens tokens = pair.tokens(3, 86);
  Decoder decoder(pair);
  const Decoder::Text text = decoder.read(4, 0);
  machine.refuses_capture = true;
  const std::size_t graphs = machine.graphs, before = graph_launches();
  const auto launched = decoder.decode(text, tokens);
  machine.refuses_capture = false;
  CHECK(decoder.decode(text, tokens) == launched);
  CHECK(machine.graphs == graphs);
  CHECK(graph_launches() == before);
}

TEST_CASE("graphs are bounded in number: the steps that were met last have theirs") {
  const auto step = [](std::uint64_t place) { return cuda::Step{0, 0, place, nullptr}; };
  const auto nothing = [](cudaStream_t) {};
  const std::size_t before = Machine::get().graphs;
  {
    cuda::StepGraphs graphs;
    for (std::uint64_t place = 0; place <= cuda::StepGraphs::kMost; ++place)
      for (int time = 0; time < 2; ++time) graphs.run(step(place), nullptr, nothing);
    CHECK(Machine::get().graphs - before == cuda::StepGraphs::kMost);
    const auto replays = [&](std::uint64_t place) {
      const std::size_t replayed = graph_launches();
      graphs.run(step(place), nullptr, nothing);
      return graph_launches() > replayed;
    };
    CHECK(replays(1));
    CHECK(!replays(0));
    CHECK(replays(1));
    CHECK(!replays(2));  // 0 took its place
  }
  CHECK(Machine::get().graphs == before);
}

TEST_CASE("while launches are captured, other threads use the GPU") {
  cuda::Gpu gpu(0);
  cuda::StepGraphs graphs;
  std::string fault;
  const auto launches = [&](cudaStream_t) {
    std::thread([&] {
      try {
        const std::vector<std::byte> values(32);
        std::byte* const state = gpu.allocate(values.size());
        gpu.write(state, values.data(), values.size());
        gpu.release(state);
        gpu.finish();
      } catch (const std::exception& error) {
        fault = error.what();
      }
    }).join();
  };
  const std::size_t before = graph_launches();
  for (int time = 0; time < 3; ++time) graphs.run({}, gpu.stream(), launches);
  CHECK(fault == "");
  CHECK(graph_launches() - before == 2);
}

// The token, the table of pages, the history, the state; after them the state, the history, the
// hidden vector.
constexpr std::size_t kCopies = 7;

// Counts the copies of each decoded token from 0. A chunk begins with its tokens' numbers, and ends
// when the GPU is done with it.
Library counting_copies() {
  static bool decodes;
  Library counting = library();
  counting.write = [](cuda::Gpu* gpu, std::byte* to, const std::byte* from, std::size_t bytes) {
    const bool begins = bytes == sizeof(std::int32_t);
    if (begins) Machine::get().copies = 0;
    decodes = decodes || begins;
    return library().write(gpu, to, from, bytes);
  };
  counting.finish = [](cuda::Gpu* gpu) {
    if (decodes) CHECK(Machine::get().copies == kCopies);
    decodes = false;
    return library().finish(gpu);
  };
  decodes = false;
  return counting;
}

TEST_CASE(
    "each copy around a graph is left out in turn: the comparison sees that memory is stale") {
  const MachineGuard guard;
  Machine& machine = Machine::get();
  const Library counting = counting_copies();
  const Pair pair(81, counting);
  const Tokens tokens = pair.tokens(5, 83), others = pair.tokens(5, 84);
  Decoder decoder(pair);
  const Decoder::Text text = decoder.read(2, 0);
  decoder.decode(text, tokens);
  CHECK(decoder.error(text, others) <= kTolerance);
  for (std::size_t copy = 0; copy < kCopies; ++copy) {
    CAPTURE(copy);
    machine.omitted_copy = copy;
    CHECK(decoder.error(text, tokens) > kTolerance);
    machine.omitted_copy = SIZE_MAX;
    CHECK(decoder.error(text, others) <= kTolerance);
  }
}

TEST_CASE("a graph of another ratio, or of another place, is seen by the comparison") {
  const MachineGuard guard;
  const Pair pair(81, library());
  const Tokens tokens = pair.tokens(3, 87);
  Decoder decoder(pair);
  const auto error_of_wrong_graph = [&](std::size_t state_heads) {
    const Decoder::Text text = decoder.read(state_heads, 0);
    decoder.decode(text, tokens);
    CHECK(decoder.error(text, tokens) <= kTolerance);
    Machine::get().launches_oldest_graph = true;
    const double error = decoder.error(text, tokens);
    Machine::get().launches_oldest_graph = false;
    return error;
  };
  CHECK(error_of_wrong_graph(2) > kTolerance);  // the first token's place for all three
  CHECK(error_of_wrong_graph(4) > kTolerance);
}

}  // namespace
}  // namespace stateline::testing
