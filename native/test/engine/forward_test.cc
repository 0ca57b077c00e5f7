// The forward pass against a token-by-token oracle in double, and against itself cut otherwise.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/forward.h"

#include <numeric>

#include "engine/serialize.h"
#include "engine_testing.h"
#include "oracle.h"

namespace stateline::testing {
namespace {

constexpr std::size_t kLength = 300;

// Reads tokens[from...] into the branch in chunks; the logits after each chunk's last token.
std::vector<float> read(const Model& model, Branch& branch, std::span<const std::int32_t> tokens,
                        std::size_t chunk, unsigned threads = 1) {
  kernels::ThreadPool pool(threads);
  engine::Forward forward(model, pool, chunk);
  engine::LogitsHead head(model, pool, 1);
  std::vector<float> logits(model.plan().vocab_size);
  for (std::size_t at = 0; at < tokens.size(); at += chunk)
    forward.advance(branch, tokens.subspan(at, std::min(chunk, tokens.size() - at)));
  head.compute(branch.hidden().floats(), 1, logits.data());
  return logits;
}

TEST_CASE("prefill and decode agree with the mathematics for all ratios and windows") {
  const Checkpoint checkpoint(tiny_config(), 11);
  const auto model = load(checkpoint);
  const auto tokens = random_tokens(kLength, checkpoint.config.vocab_size, 12);
  for (std::size_t state_heads = 0; state_heads <= checkpoint.config.heads; ++state_heads) {
    for (const std::size_t window : {0, 1, 2, 31, 32, 33, 64, 100}) {
      CAPTURE(state_heads);
      CAPTURE(window);
      Oracle oracle(checkpoint, state_heads, window);
      Vector wanted;
      for (const std::int32_t token : tokens) wanted = oracle.step(token);
      for (const std::size_t chunk : {1, 7, 32, 100, 256, 300}) {
        CAPTURE(chunk);
        Branch branch(*model, *State::initial(*model, state_heads, window));
        CHECK(relative_error(read(*model, branch, tokens, chunk), wanted) <= 1e-4);
      }
    }
  }
}

TEST_CASE("a prefill continued by decoding gives the state of one whole prefill") {
  const auto model = load(Checkpoint(tiny_config(), 21));
  const auto tokens = random_tokens(kLength, model->plan().vocab_size, 22);
  for (std::size_t state_heads = 0; state_heads <= model->plan().heads; ++state_heads) {
    for (const std::size_t n : {1, 63, 64, 65, 256, 299}) {
      CAPTURE(state_heads);
      CAPTURE(n);
      const StatePtr empty = State::initial(*model, state_heads, 50);
      Branch whole(*model, *empty), parts(*model, *empty);
      read(*model, whole, tokens, kLength);
      read(*model, parts, std::span(tokens).first(n), kLength);
      read(*model, parts, std::span(tokens).subspan(n), 1);
      CHECK(state_error(*parts.freeze(), *whole.freeze()) <= 1e-4);
    }
  }
}

TEST_CASE("two threads compute what one thread computes") {
  const auto model = load(Checkpoint(tiny_config(), 31));
  const auto tokens = random_tokens(kLength, model->plan().vocab_size, 32);
  const StatePtr empty = State::initial(*model, 1, 0);
  Branch one(*model, *empty), two(*model, *empty);
  read(*model, one, tokens, 256, 1);
  read(*model, two, tokens, 256, 2);
  CHECK(state_error(*one.freeze(), *two.freeze()) == 0);
}

TEST_CASE("all hidden vectors of a chunk end with the one that is kept alone") {
  const auto model = load(Checkpoint(tiny_config(), 41));
  const auto tokens = random_tokens(40, model->plan().vocab_size, 42);
  kernels::ThreadPool pool(1);
  engine::Forward forward(*model, pool, 40);
  const StatePtr empty = State::initial(*model, 2, 16);
  Branch last(*model, *empty), all(*model, *empty);
  forward.advance(last, tokens);
  forward.advance(all, tokens, engine::Wanted::kAll);
  CHECK(state_error(*last.freeze(), *all.freeze()) <= 1e-6);
}

// Chunks of this many tokens, the last perhaps shorter.
StatePtr read_by(engine::Forward& forward, const Model& model, const StatePtr& from,
                 std::span<const std::int32_t> tokens, std::size_t chunk) {
  Branch branch(model, *from);
  for (std::size_t at = 0; at < tokens.size(); at += chunk)
    forward.advance(branch, tokens.subspan(at, std::min(chunk, tokens.size() - at)));
  return branch.freeze();
}

TEST_CASE("states on the way are those of advances that stop there, wherever they stop") {
  const auto model = load(Checkpoint(tiny_config(), 51));
  const auto text = random_tokens(kLength, model->plan().vocab_size, 52);
  kernels::ThreadPool pool(2);
  engine::Forward forward(*model, pool, kLength);
  for (std::size_t state_heads = 0; state_heads <= model->plan().heads; ++state_heads) {
    // A text before them that ends inside a page, at the end of one, or is none at all.
    for (const std::size_t before : {0, 5, 64}) {
      for (const std::size_t window : {0, 2, 33, 50}) {
        CAPTURE(state_heads);
        CAPTURE(before);
        CAPTURE(window);
        const StatePtr start = read_by(forward, *model, State::initial(*model, state_heads, window),
                                       std::span(text).first(before), 256);
        const auto rest = std::span(text).subspan(before, 70);
        std::vector<std::size_t> everywhere(rest.size());
        std::iota(everywhere.begin(), everywhere.end(), std::size_t{1});
        Branch branch(*model, *start);
        const std::vector<StatePtr> states = forward.advance_through(branch, rest, everywhere);
        REQUIRE(states.size() == rest.size());
        Branch alone(*model, *start);
        for (std::size_t i = 0; i < rest.size(); ++i) {
          forward.advance(alone, rest.subspan(i, 1));
          const double error = state_error(*states[i], *alone.freeze());
          // Attention sums in another order for one query than for many.
          if (state_heads == model->plan().heads) CHECK(error == 0);
          CHECK(error <= 2e-5);
        }
        CHECK(state_error(*branch.freeze(), *states.back()) == 0);
      }
    }
  }
}

TEST_CASE("states on the way, far apart, stay what they are while all go on") {
  const auto model = load(Checkpoint(tiny_config(), 61));
  const auto text = random_tokens(kLength, model->plan().vocab_size, 62);
  kernels::ThreadPool pool(1);
  engine::Forward forward(*model, pool, kLength);
  const std::vector<std::size_t> stops{1, 31, 32, 33, 63, 64, 150, 151, 255, 299};
  for (std::size_t state_heads = 0; state_heads <= model->plan().heads; ++state_heads) {
    CAPTURE(state_heads);
    const StatePtr empty = State::initial(*model, state_heads, 70);
    Branch branch(*model, *empty);
    const std::vector<StatePtr> states = forward.advance_through(branch, text, stops);
    std::vector<std::vector<std::byte>> bytes;
    for (const StatePtr& state : states) bytes.push_back(engine::serialize(*state));
    forward.advance(branch, std::span(text).first(100));
    for (std::size_t i = 0; i < stops.size(); ++i) {
      CAPTURE(stops[i]);
      const auto read = std::span(text).first(stops[i]);
      CHECK(state_error(*states[i], *read_by(forward, *model, empty, read, kLength)) <= 1e-4);
      // What comes after it is no part of a state: it goes on as its stored twin does.
      const StatePtr twin = engine::restore(*model, bytes[i]);
      const auto other = std::span(text).last(40);
      CHECK(state_error(*read_by(forward, *model, states[i], other, 7),
                        *read_by(forward, *model, twin, other, 7)) == 0);
      CHECK(engine::serialize(*states[i]) == bytes[i]);
    }
  }
}

TEST_CASE("many branches that step together are each what it would be alone, bit for bit") {
  for (const auto& model :
       {load(Checkpoint(tiny_config(), 71)), Model::load("test/golden/tiny-int8")}) {
    const std::size_t vocab = model->plan().vocab_size;
    kernels::ThreadPool pool(2);
    engine::Forward forward(*model, pool, kLength);
    engine::LogitsHead head(*model, pool, 32);
    for (std::size_t state_heads = 0; state_heads <= model->plan().heads; ++state_heads) {
      for (const std::size_t count : {1, 2, 3, 4, 7, 13, 32}) {
        CAPTURE(model->quantization());
        CAPTURE(state_heads);
        CAPTURE(count);
        std::vector<Branch> together, alone;
        std::vector<Branch*> branches;
        together.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
          // Texts of different lengths, and of one length, over pages' ends.
          const auto text = random_tokens(29 + i / 2, vocab, static_cast<std::uint32_t>(i));
          const StatePtr start =
              read_by(forward, *model, State::initial(*model, state_heads, 40), text, 256);
          branches.push_back(&together.emplace_back(*model, *start));
          alone.emplace_back(*model, *start);
        }
        for (std::uint32_t round = 0; round < 5; ++round) {
          const Tokens tokens = random_tokens(count, vocab, 72 + round);
          forward.step(branches, tokens);
          std::vector<const engine::Buffer*> hidden;
          for (const Branch* branch : branches) hidden.push_back(&branch->hidden());
          std::vector<float> all(count * vocab), one(vocab);
          head.compute(hidden, all.data());
          for (std::size_t i = 0; i < count; ++i) {
            forward.advance(alone[i], std::span(tokens).subspan(i, 1));
            CHECK(engine::serialize(*together[i].freeze()) ==
                  engine::serialize(*alone[i].freeze()));
            head.compute(alone[i].hidden().floats(), 1, one.data());
            CHECK(std::equal(one.begin(), one.end(), all.begin() + static_cast<long>(i * vocab)));
          }
        }
      }
    }
  }
}

TEST_CASE("a fork and its branch do not meet") {
  const auto model = load(Checkpoint(tiny_config(), 81));
  const auto text = random_tokens(120, model->plan().vocab_size, 82);
  kernels::ThreadPool pool(1);
  engine::Forward forward(*model, pool, kLength);
  for (std::size_t state_heads = 0; state_heads <= model->plan().heads; ++state_heads) {
    for (const std::size_t length : {50, 64}) {
      CAPTURE(state_heads);
      CAPTURE(length);
      const StatePtr start = read_by(forward, *model, State::initial(*model, state_heads, 40),
                                     std::span(text).first(length), 256);
      Branch branch(*model, *start);
      Branch fork = branch.fork();
      forward.advance(branch, std::span(text).last(3));
      forward.advance(fork, std::span(text).last(20));
      CHECK(engine::serialize(*branch.freeze()) ==
            engine::serialize(*read_by(forward, *model, start, std::span(text).last(3), 256)));
      CHECK(engine::serialize(*fork.freeze()) ==
            engine::serialize(*read_by(forward, *model, start, std::span(text).last(20), 256)));
    }
  }
}

}  // namespace
}  // namespace stateline::testing
