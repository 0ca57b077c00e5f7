// Sampling and generation: what may come out, how often, and with which probability.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/sampling.h"

#include <numeric>
#include <random>
#include <set>

#include "engine_testing.h"

namespace stateline::testing {
namespace {

using engine::GenerateEnd;
using engine::GenerateOptions;
using engine::GenerateResult;
using engine::Sample;
using engine::Sampler;
using engine::SamplingOptions;

struct Fixture {
  std::shared_ptr<const Model> model = load(Checkpoint(tiny_config(), 91));
  Engine engine{model, 1};
  StatePtr state = advance(engine, State::initial(*model, 2, 0),
                           random_tokens(20, model->plan().vocab_size, 92));

  GenerateResult generate(const GenerateOptions& options) {
    Waiting<GenerateResult> waiting;
    engine.generate(state, options, {}, waiting.reply());
    return waiting.get();
  }
};

TEST_CASE_FIXTURE(Fixture,
                  "probabilities are drawn as often as they say, and top-p cuts the tail") {
  std::vector<float> logits(model->plan().vocab_size, -INFINITY);
  const double p[] = {0.5, 0.25, 0.15, 0.1};
  for (std::size_t i = 0; i < 4; ++i) logits[3 * i] = static_cast<float>(std::log(p[i])) + 5;
  constexpr int kDraws = 20'000;
  for (const float top_p : {1.0f, 0.7f}) {
    Sampler sampler({.temperature = 1, .top_p = top_p, .seed = 7}, *model);
    std::map<std::int32_t, int> drawn;
    for (int i = 0; i < kDraws; ++i) {
      const Sample sample = sampler.sample(logits);
      ++drawn[sample.token];
      CHECK(sample.log_prob ==
            doctest::Approx(std::log(p[sample.token / 3])).epsilon(1e-4));  // unfiltered, always
    }
    const double kept = top_p == 1.0f ? 1 : 0.75;
    for (std::size_t i = 0; i < 4; ++i) {
      const double wanted = top_p == 1.0f || i < 2 ? p[i] / kept : 0;
      const double share = drawn[static_cast<std::int32_t>(3 * i)] / double{kDraws};
      CHECK(std::fabs(share - wanted) <= 0.015);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "no logits lead outside the vocabulary") {
  const std::size_t vocab = model->plan().vocab_size;
  const std::vector<std::int32_t> allowed{3, 5};
  for (const float value : {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 0.0f}) {
    const std::vector<float> logits(vocab, value);
    for (const float temperature : {0.0f, 1e-6f, 1.0f, 1e6f}) {
      Sampler sampler({.temperature = temperature, .top_p = 0.5f, .seed = 1}, *model);
      const std::int32_t any = sampler.sample(logits).token;
      const std::int32_t constrained = sampler.sample(logits, allowed).token;
      CHECK((any >= 0 && static_cast<std::size_t>(any) < vocab));
      CHECK((constrained == 3 || constrained == 5));
      for (const Sample& sample : sampler.likeliest(logits, 4))
        CHECK((sample.token >= 0 && static_cast<std::size_t>(sample.token) < vocab));
      CHECK(sampler.likeliest(logits, 4, allowed).size() == 2);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "greedy generation is the arg max of logits after each advance") {
  const GenerateResult result =
      generate({.max_tokens = 40, .sampling = {}, .stop_tokens = {}, .first_tokens = {}});
  REQUIRE(result.tokens.size() == 40);
  CHECK(result.end == GenerateEnd::kLength);
  CHECK(result.state->token_count() == state->token_count() + 40);
  StatePtr at = state;
  for (std::size_t i = 0; i < result.tokens.size(); ++i) {
    const std::vector<float> logits = log_probs(engine, at);
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    REQUIRE(result.tokens[i] == best);
    at = advance(engine, at, {result.tokens[i]});
  }
  CHECK(state_error(*result.state, *at) == 0);
  // score() agrees with the probabilities that generate() reported.
  Waiting<engine::ScoreResult> waiting;
  engine.score(state, result.tokens, {}, {}, waiting.reply());
  const engine::ScoreResult scored = waiting.get();
  CHECK(relative_error(scored.log_probs, result.log_probs) <= 1e-4);
  CHECK(state_error(*scored.state, *at) <= 1e-4);
}

TEST_CASE_FIXTURE(Fixture, "what is recalled is continued, and score() agrees with generate()") {
  const Tokens text = {5, 9, 3, 17, 4, 4, 12, 9, 20, 7, 1, 2, 3, 8, 11, 6};
  const auto memory = std::make_shared<engine::Recall>(100, model->plan().vocab_size);
  memory->append(text);
  const engine::RecallOptions recall{memory, Tokens(text.begin(), text.begin() + 6)};
  const GenerateResult result = generate(
      {.max_tokens = 10, .sampling = {}, .stop_tokens = {}, .first_tokens = {}, .recall = recall});
  CHECK(result.tokens == Tokens(text.begin() + 6, text.end()));
  Waiting<engine::ScoreResult> waiting;
  engine.score(state, result.tokens, recall, {}, waiting.reply());
  CHECK(relative_error(waiting.get().log_probs, result.log_probs) <= 1e-4);
}

TEST_CASE_FIXTURE(Fixture, "drafts change no token, whether they are taken or refused") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::uniform_int_distribution<std::int32_t> draw(0, 20);
    Tokens text(60);
    for (std::int32_t& token : text) token = draw(random);
    const auto memory = std::make_shared<engine::Recall>(400, model->plan().vocab_size);
    memory->append(text);
    // The same beginning and another end: what is decoded leaves one of the two at some place.
    Tokens twin = text;
    twin[30 + seed] = 21;
    memory->append(twin);
    engine::RecallOptions recall{memory, Tokens(text.begin(), text.begin() + 20)};
    const engine::GenerateOptions options{.max_tokens = 25 + seed,
                                          .sampling = {},
                                          .stop_tokens = {text[45]},
                                          .first_tokens = {},
                                          .least_log_prob = seed < 6 ? -1.0f : -1e6f};
    const auto with = [&](std::size_t draft_tokens) {
      engine::GenerateOptions drafted = options;
      recall.draft_tokens = draft_tokens;
      drafted.recall = recall;
      return generate(drafted);
    };
    const GenerateResult plain = with(0);
    for (const std::size_t draft_tokens : {1u, 4u, 31u}) {
      const GenerateResult drafted = with(draft_tokens);
      CHECK(drafted.tokens == plain.tokens);
      CHECK(drafted.end == plain.end);
      CHECK(drafted.state->token_count() == plain.state->token_count());
      CHECK(state_error(*drafted.state, *plain.state) <= 1e-4);
      CHECK(relative_error(drafted.log_probs, plain.log_probs) <= 1e-3);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a stop token ends the text and stays out of the state") {
  const GenerateResult free =
      generate({.max_tokens = 20, .sampling = {}, .stop_tokens = {}, .first_tokens = {}});
  const std::int32_t stop = free.tokens[10];
  const auto first = std::find(free.tokens.begin(), free.tokens.end(), stop) - free.tokens.begin();
  const GenerateResult result =
      generate({.max_tokens = 20, .sampling = {}, .stop_tokens = {stop}, .first_tokens = {}});
  CHECK(result.end == GenerateEnd::kStop);
  REQUIRE(result.tokens.size() == static_cast<std::size_t>(first) + 1);
  CHECK(result.tokens.back() == stop);
  CHECK(result.state->token_count() == state->token_count() + static_cast<std::uint64_t>(first));
}

TEST_CASE_FIXTURE(Fixture, "generation ends with the token that makes the text too unlikely") {
  const GenerateResult free =
      generate({.max_tokens = 20, .sampling = {}, .stop_tokens = {}, .first_tokens = {}});
  const float least = std::accumulate(free.log_probs.begin(), free.log_probs.begin() + 7, 0.0f);
  const auto until = [&](float least_log_prob) {
    return generate({.max_tokens = 20,
                     .sampling = {},
                     .stop_tokens = {},
                     .first_tokens = {},
                     .least_log_prob = least_log_prob});
  };
  const GenerateResult result = until(least - 1e-4f);
  CHECK(result.end == GenerateEnd::kUnlikely);
  CHECK(result.tokens == Tokens(free.tokens.begin(), free.tokens.begin() + 8));
  CHECK(result.state->token_count() == state->token_count() + 7);
  CHECK(until(-1e6f).tokens == free.tokens);
}

TEST_CASE_FIXTURE(Fixture, "generation ends with the first token after its time") {
  for (const std::size_t beam : {std::size_t{1}, std::size_t{4}}) {
    const auto within = [&](double ms) {
      return generate({.max_tokens = 20,
                       .sampling = {},
                       .stop_tokens = {},
                       .first_tokens = {},
                       .most_time = std::chrono::duration<double, std::milli>(ms),
                       .beam = beam});
    };
    const GenerateResult one = within(0);
    CHECK(one.end == GenerateEnd::kLength);
    CHECK(one.tokens.size() == 1);
    CHECK(one.state->token_count() == state->token_count() + 1);
    CHECK(within(1e9).tokens.size() == 20);
  }
}

TEST_CASE_FIXTURE(Fixture, "only allowed ids come first, with the constrained probability") {
  const std::set<std::int32_t> allowed{4, 9, 17};
  std::set<std::int32_t> seen;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const GenerateResult result =
        generate({.max_tokens = 2,
                  .sampling = {.temperature = 3, .top_p = 1, .seed = seed},
                  .stop_tokens = {},
                  .first_tokens = {17, 4, 9, 4}});
    CHECK(allowed.contains(result.tokens[0]));
    seen.insert(result.tokens[0]);
  }
  CHECK(seen == allowed);
  const GenerateResult forced =
      generate({.max_tokens = 1, .sampling = {}, .stop_tokens = {}, .first_tokens = {33}});
  CHECK(forced.tokens[0] == 33);
  CHECK(forced.log_probs[0] == doctest::Approx(0));
}

// The same search by whole sequences, each read anew from the state.
std::pair<Tokens, double> plain_beam(Fixture& fixture, const GenerateOptions& options) {
  struct Text {
    Tokens tokens;
    double log_prob;
  };
  const auto likelier = [](const Text& a, const Text& b) { return a.log_prob > b.log_prob; };
  const std::set<std::int32_t> stops(options.stop_tokens.begin(), options.stop_tokens.end());
  std::vector<Text> open{{{}, 0}}, ended;
  for (std::size_t length = 0; length < options.max_tokens; ++length) {
    std::vector<Text> all;
    for (const Text& text : open) {
      const StatePtr at =
          text.tokens.empty() ? fixture.state : advance(fixture.engine, fixture.state, text.tokens);
      const std::vector<float> logits = log_probs(fixture.engine, at);
      double sum = 0;
      for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
      for (std::size_t i = 0; i < logits.size(); ++i) {
        Text longer = text;
        longer.tokens.push_back(static_cast<std::int32_t>(i));
        longer.log_prob += static_cast<double>(logits[i]) - std::log(sum);
        all.push_back(longer);
      }
    }
    std::sort(all.begin(), all.end(), likelier);
    all.resize(options.beam);
    open.clear();
    for (const Text& text : all)
      (stops.contains(text.tokens.back()) ? ended : open).push_back(text);
    if (open.empty()) break;
  }
  ended.insert(ended.end(), open.begin(), open.end());
  const Text& best = *std::min_element(ended.begin(), ended.end(), likelier);
  return {best.tokens, best.log_prob};
}

TEST_CASE_FIXTURE(Fixture, "a beam finds what the same search by whole sequences finds") {
  const std::size_t vocab = model->plan().vocab_size;
  int ended = 0, better = 0, with_alternatives = 0, open_and_likelier = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    CAPTURE(seed);
    GenerateOptions options{.max_tokens = 1 + seed % 6,
                            .sampling = {},
                            .stop_tokens = random_tokens(1 + seed % 7, vocab, seed),
                            .first_tokens = {},
                            .beam = 2 + seed % 5};
    const GenerateResult found = generate(options);
    const auto [tokens, log_prob] = plain_beam(*this, options);
    CHECK(found.tokens == tokens);
    const double sum = std::accumulate(found.log_probs.begin(), found.log_probs.end(), 0.0);
    CHECK(sum == doctest::Approx(log_prob).epsilon(1e-3));
    const bool stopped = found.end == GenerateEnd::kStop;
    CHECK(found.state->token_count() == state->token_count() + tokens.size() - stopped);
    StatePtr at = state;
    if (tokens.size() > static_cast<std::size_t>(stopped))
      at = advance(engine, state, Tokens(tokens.begin(), tokens.end() - stopped));
    CHECK(state_error(*found.state, *at) <= 1e-4);
    CHECK(found.alternatives.size() < options.beam);
    std::set<Tokens> written{Tokens(tokens.begin(), tokens.end() - stopped)};
    double before = sum;
    for (const engine::GeneratedText& other : found.alternatives) {
      CHECK(other.end == GenerateEnd::kStop);
      CHECK(written.insert(Tokens(other.tokens.begin(), other.tokens.end() - 1)).second);
      const double likely = std::accumulate(other.log_probs.begin(), other.log_probs.end(), 0.0);
      CHECK(likely <= before + 1e-5);
      before = likely;
    }
    with_alternatives += !found.alternatives.empty();
    open_and_likelier += !stopped && !found.alternatives.empty();
    options.beam = 1;
    const GenerateResult greedy = generate(options);
    ended += stopped;
    better += greedy.tokens != found.tokens;
  }
  CHECK(ended >= 5);
  CHECK(better >= 5);
  CHECK(with_alternatives >= 3);
  CHECK(open_and_likelier >= 1);
}

TEST_CASE_FIXTURE(Fixture, "a beam begins with allowed ids, recalls, and tells what nothing is") {
  const Tokens text = {5, 9, 3, 17, 4, 4, 12, 9, 20, 7, 1, 2, 3, 8, 11, 6};
  const auto memory = std::make_shared<engine::Recall>(100, model->plan().vocab_size);
  memory->append(text);
  const engine::RecallOptions recall{memory, Tokens(text.begin(), text.begin() + 6)};
  GenerateOptions options{.max_tokens = 12,
                          .sampling = {},
                          .stop_tokens = {text.back()},
                          .first_tokens = {},
                          .recall = recall,
                          .beam = 3};
  CHECK(generate(options).tokens == Tokens(text.begin() + 6, text.end()));
  options.first_tokens = {33};
  CHECK(generate(options).tokens.front() == 33);
  CHECK(generate(options).log_probs.front() == doctest::Approx(0));
  options.max_tokens = 0;
  CHECK(generate(options).tokens.empty());
  CHECK(generate(options).state == state);
}

TEST_CASE_FIXTURE(Fixture, "a seed repeats its text, another does not") {
  const auto text = [&](std::uint64_t seed) {
    return generate({.max_tokens = 30,
                     .sampling = {.temperature = 1, .top_p = 0.95f, .seed = seed},
                     .stop_tokens = {},
                     .first_tokens = {}})
        .tokens;
  };
  CHECK(text(1) == text(1));
  CHECK(text(1) != text(2));
}

TEST_CASE_FIXTURE(Fixture, "nonsensical options are refused") {
  const auto refuses = [&](const GenerateOptions& options) {
    CHECK_THROWS_AS(generate(options), Error);
  };
  const SamplingOptions sound;
  refuses(
      {.max_tokens = 1, .sampling = {.temperature = -1}, .stop_tokens = {}, .first_tokens = {}});
  refuses(
      {.max_tokens = 1, .sampling = {.temperature = NAN}, .stop_tokens = {}, .first_tokens = {}});
  refuses({.max_tokens = 1, .sampling = {.top_p = 0}, .stop_tokens = {}, .first_tokens = {}});
  refuses({.max_tokens = 1, .sampling = {.top_p = 1.5f}, .stop_tokens = {}, .first_tokens = {}});
  refuses({.max_tokens = 1, .sampling = sound, .stop_tokens = {-1}, .first_tokens = {}});
  refuses({.max_tokens = 1, .sampling = sound, .stop_tokens = {}, .first_tokens = {1000}});
  GenerateOptions beam{.max_tokens = 1, .sampling = sound, .stop_tokens = {}, .first_tokens = {}};
  for (const std::size_t wide : {std::size_t{0}, engine::kMostHypotheses + 1}) {
    beam.beam = wide;
    refuses(beam);
  }
  beam.beam = 2;
  beam.least_log_prob = -3;
  refuses(beam);
  beam.least_log_prob = -INFINITY;
  beam.most_time = std::chrono::duration<double, std::milli>(-1);
  refuses(beam);
  beam.most_time = GenerateOptions::kNoLimit;
  beam.sampling.temperature = 1;
  refuses(beam);
  CHECK(
      generate({.max_tokens = 0, .sampling = sound, .stop_tokens = {}, .first_tokens = {}}).state ==
      state);
}

}  // namespace
}  // namespace stateline::testing
