// The forward pass against a token-by-token oracle in double, and against itself cut otherwise.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/forward.h"
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
  std::vector<float> logits(model.config().vocab_size);
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
  const auto tokens = random_tokens(kLength, model->config().vocab_size, 22);
  for (std::size_t state_heads = 0; state_heads <= model->config().heads; ++state_heads) {
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
  const auto tokens = random_tokens(kLength, model->config().vocab_size, 32);
  const StatePtr empty = State::initial(*model, 1, 0);
  Branch one(*model, *empty), two(*model, *empty);
  read(*model, one, tokens, 256, 1);
  read(*model, two, tokens, 256, 2);
  CHECK(state_error(*one.freeze(), *two.freeze()) == 0);
}

TEST_CASE("all hidden vectors of a chunk end with the one that is kept alone") {
  const auto model = load(Checkpoint(tiny_config(), 41));
  const auto tokens = random_tokens(40, model->config().vocab_size, 42);
  kernels::ThreadPool pool(1);
  engine::Forward forward(*model, pool, 40);
  const StatePtr empty = State::initial(*model, 2, 16);
  Branch last(*model, *empty), all(*model, *empty);
  forward.advance(last, tokens);
  forward.advance(all, tokens, engine::Wanted::kAll);
  CHECK(state_error(*last.freeze(), *all.freeze()) <= 1e-6);
}

}  // namespace
}  // namespace stateline::testing
