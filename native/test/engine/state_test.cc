// The state algebra: states never change, cost what they should, and survive being stored.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/serialize.h"
#include "engine_testing.h"

namespace stateline::testing {
namespace {

using engine::restore;
using engine::serialize;

struct Fixture {
  std::shared_ptr<const Model> model = load(Checkpoint(tiny_config(), 51));
  Engine engine{model, 1};

  Tokens tokens(std::size_t count, std::uint32_t seed) const {
    return random_tokens(count, model->plan().vocab_size, seed);
  }
};

TEST_CASE_FIXTURE(Fixture, "advancing never changes its input, and two branches do not meet") {
  for (std::size_t state_heads = 0; state_heads <= model->plan().heads; ++state_heads) {
    CAPTURE(state_heads);
    // 50 tokens end inside a page, 64 at the end of one.
    for (const std::size_t length : {50, 64}) {
      const StatePtr trunk =
          advance(engine, State::initial(*model, state_heads, 40), tokens(length, 52));
      const std::vector<std::byte> before = serialize(*trunk);
      const StatePtr left = advance(engine, trunk, tokens(70, 53));
      const std::vector<std::byte> left_bytes = serialize(*left);
      const StatePtr right = advance(engine, trunk, tokens(70, 54));
      CHECK(serialize(*trunk) == before);
      CHECK(serialize(*left) == left_bytes);
      CHECK(serialize(*right) != left_bytes);
      CHECK(serialize(*advance(engine, trunk, tokens(70, 53))) == left_bytes);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "checkpoints are the states of advances that stop there") {
  const Tokens text = tokens(100, 55);
  const StatePtr empty = State::initial(*model, 1, 0);
  Waiting<std::vector<StatePtr>> waiting;
  engine.advance(empty, text, {0, 1, 37, 37, 64, 99, 100}, {}, waiting.reply());
  const std::vector<StatePtr> states = waiting.get();
  REQUIRE(states.size() == 7);
  CHECK(states[0] == empty);
  for (const StatePtr& state : states) {
    const Tokens part(text.begin(),
                      text.begin() + static_cast<std::ptrdiff_t>(state->token_count()));
    CHECK(state_error(*state, *advance(engine, empty, part)) <= 1e-4);
  }
}

TEST_CASE_FIXTURE(Fixture, "at ratio 1 a state weighs the same after 1 k and after 200 k tokens") {
  const std::size_t heads = model->plan().heads;
  const StatePtr early = advance(engine, State::initial(*model, heads, 0), tokens(1000, 56));
  const std::size_t live = model->meter()->bytes();
  const StatePtr late = advance(engine, early, tokens(199'000, 57));
  CHECK(late->token_count() == 200'000);
  CHECK(late->state_bytes() == early->state_bytes());
  CHECK(late->kv_bytes() == 0);
  CHECK(serialize(*late).size() == serialize(*early).size());
  CHECK(model->meter()->bytes() - live <= early->state_bytes() + 4 * model->plan().hidden_size);
}

TEST_CASE_FIXTURE(Fixture, "a window bounds the pages, and all memory is given back") {
  {
    const StatePtr windowed = advance(engine, State::initial(*model, 1, 100), tokens(5000, 58));
    const StatePtr unbounded = advance(engine, State::initial(*model, 1, 0), tokens(5000, 58));
    const std::size_t page = windowed->shape().page_bytes();
    CHECK(windowed->kv_bytes() <= (100 / 32 + 2) * page);
    CHECK(unbounded->kv_bytes() == (5000 + 31) / 32 * page);
  }
  engine.stop();
  engine.join();
  CHECK(model->meter()->bytes() == 0);
}

TEST_CASE_FIXTURE(Fixture, "forks share their pages") {
  const StatePtr trunk = advance(engine, State::initial(*model, 0, 0), tokens(3200, 60));
  const std::size_t live = model->meter()->bytes();
  const StatePtr fork = advance(engine, trunk, tokens(1, 61));
  const std::size_t own =
      fork->state_bytes() + fork->memory().hidden.size() + fork->shape().page_bytes();
  CHECK(model->meter()->bytes() - live <= own);
}

TEST_CASE_FIXTURE(Fixture, "a stored state is restored to the byte and goes on alike") {
  for (std::size_t state_heads = 0; state_heads <= model->plan().heads; ++state_heads) {
    for (const std::size_t length : {0, 1, 64, 333}) {
      CAPTURE(state_heads);
      CAPTURE(length);
      const StatePtr state =
          advance(engine, State::initial(*model, state_heads, 100), tokens(length, 62));
      const std::vector<std::byte> bytes = serialize(*state);
      const StatePtr twin = restore(*model, bytes);
      CHECK(serialize(*twin) == bytes);
      CHECK(serialize(*advance(engine, twin, tokens(40, 63))) ==
            serialize(*advance(engine, state, tokens(40, 63))));
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a stored state that does not fit is refused") {
  const StatePtr state = advance(engine, State::initial(*model, 1, 100), tokens(200, 64));
  const std::vector<std::byte> bytes = serialize(*state);
  const auto refused = [&](const std::vector<std::byte>& stored) {
    try {
      restore(*model, stored);
    } catch (const Error& error) {
      return error.code() == ErrorCode::kInvalidState;
    }
    return false;
  };
  for (std::size_t length = 0; length < bytes.size(); length += length < 200 ? 1 : 101)
    CHECK(refused({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)}));
  for (std::size_t at = 0; at < bytes.size(); at += at < 200 ? 1 : 97) {
    std::vector<std::byte> changed = bytes;
    changed[at] ^= std::byte{0x10};
    CAPTURE(at);
    CHECK(refused(changed));
  }
  std::vector<std::byte> longer = bytes;
  longer.push_back(std::byte{0});
  CHECK(refused(longer));
  const auto other = load(Checkpoint(tiny_config(), 65));
  CHECK_THROWS_WITH_AS(
      restore(*other, bytes),
      "The stored state belongs to another model; delete it, and the text is read anew.", Error);
}

TEST_CASE_FIXTURE(Fixture, "what does not fit a request is refused at once") {
  const StatePtr empty = State::initial(*model, 1, 0);
  const auto vocab = static_cast<std::int32_t>(model->plan().vocab_size);
  const auto refuses = [&](const Tokens& ids, const std::vector<std::size_t>& stops) {
    Waiting<std::vector<StatePtr>> waiting;
    CHECK_THROWS_AS(engine.advance(empty, ids, stops, {}, waiting.reply()), Error);
  };
  refuses({0, vocab}, {2});
  refuses({-1}, {1});
  refuses({0, 1}, {});
  refuses({0, 1}, {1});
  refuses({0, 1}, {2, 1, 2});
  refuses({0, 1}, {2, 3});
  CHECK_THROWS_AS(State::initial(*model, model->plan().heads + 1, 0), Error);
  CHECK_THROWS_AS(log_probs(engine, empty), Error);
  const auto other = load(Checkpoint(tiny_config(), 66));
  Waiting<std::vector<StatePtr>> waiting;
  CHECK_THROWS_AS(engine.advance(State::initial(*other, 1, 0), {1}, {1}, {}, waiting.reply()),
                  Error);
}

}  // namespace
}  // namespace stateline::testing
