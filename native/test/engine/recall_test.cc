// The hash chains against a search through everything; the mixture against its definition.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/recall.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "engine/correction.h"
#include "engine/mixture.h"
#include "engine/recall_weights.h"
#include "formats/error.h"

namespace {

using namespace stateline::engine;
using Tokens = std::vector<std::int32_t>;

Recalled recalled(std::span<const Match> repository, std::span<const Match> context,
                  std::span<const float> logits, float log_norm) {
  return stateline::engine::recalled(kDefaultRecallWeights, {repository, context}, logits,
                                     log_norm);
}

Tokens random_tokens(std::mt19937& random, std::size_t count, int vocab) {
  std::uniform_int_distribution<std::int32_t> draw(0, vocab - 1);
  Tokens tokens(count);
  for (std::int32_t& token : tokens) token = draw(random);
  return tokens;
}

// Every place in every text whose tokens end like the context, newest first.
std::vector<Match> all_matches(const std::vector<Tokens>& texts, const Tokens& context,
                               std::size_t at_least) {
  std::vector<Match> matches;
  for (auto text = texts.rbegin(); text != texts.rend(); ++text) {
    for (std::size_t next = text->size(); next-- > 1;) {
      std::size_t length = 0;
      while (length < std::min({next, context.size(), Recall::kLongest}) &&
             (*text)[next - 1 - length] == context[context.size() - 1 - length])
        ++length;
      if (length >= at_least)
        matches.push_back({(*text)[next], static_cast<std::uint32_t>(length)});
    }
  }
  return matches;
}

std::vector<std::pair<std::int32_t, std::uint32_t>> sorted(const std::vector<Match>& matches) {
  std::vector<std::pair<std::int32_t, std::uint32_t>> out;
  for (const Match& match : matches) out.emplace_back(match.next, match.length);
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Match> found(const Recall& recall, const Tokens& context) {
  std::vector<Match> matches;
  recall.find(context, matches);
  return matches;
}

}  // namespace

TEST_CASE("matches are those of a search through all texts, also when some are forgotten") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Recall recall(4096, 12);
    std::vector<Tokens> texts;
    for (const std::size_t length : {0u, 1u, 2u, 3u, 7u, 60u, 300u, 31u}) {
      const Tokens text = random_tokens(random, length, 12);
      const Recall::TextId id = recall.append(text);
      if (length == 60) {
        recall.forget(id);
        recall.forget(id);  // twice is once
      } else {
        texts.push_back(text);
      }
    }
    for (const std::size_t length : {0u, 1u, 2u, 5u, 40u}) {
      // The end of a text, so that long matches happen.
      Tokens context = random_tokens(random, length, 12);
      if (length == 40) std::copy_n(texts[5].begin() + 100, 20, context.begin() + 20);
      CHECK(sorted(found(recall, context)) == sorted(all_matches(texts, context, 1)));
    }
  }
}

TEST_CASE("a text goes on by push, and no match reaches over its beginning") {
  Recall recall(64, 12);
  recall.append(Tokens{1, 2, 3});
  recall.append(Tokens{4});
  recall.push(5);
  recall.push(6);
  CHECK(sorted(found(recall, {4, 5})) == sorted({{6, 2}}));
  CHECK(sorted(found(recall, {3, 4, 5})) == sorted({{6, 2}}));
  CHECK(found(recall, {2, 3}).empty());
}

TEST_CASE("a full memory forgets the oldest texts and stays in its bounds") {
  std::mt19937 random(1);
  Recall recall(1000, 50);
  Tokens newest;
  std::size_t most_bytes = 0;
  for (int i = 0; i < 200; ++i) {
    newest = random_tokens(random, 90, 50);
    recall.append(newest);
    most_bytes = std::max(most_bytes, recall.bytes());
  }
  CHECK(most_bytes <= 48 * 1024);
  const auto matches = found(recall, {newest[50], newest[51], newest[52], newest[53], newest[54]});
  CHECK(std::any_of(matches.begin(), matches.end(), [&](const Match& match) {
    return match.length == 5 && match.next == newest[55];
  }));
  // Of a text that is longer than the memory, the end.
  const Tokens endless = random_tokens(random, 5000, 50);
  recall.append(endless);
  CHECK(!found(recall, {endless[4990], endless[4991], endless[4992]}).empty());
}

namespace {

// What a memory must do, without an index: texts by id, the newest last.
struct PlainMemory {
  struct Text {
    Recall::TextId id;
    Tokens tokens;
  };
  std::vector<Text> texts;
  std::optional<Recall::TextId> newest;

  void append(Recall::TextId id, Tokens tokens) {
    newest = id;
    texts.push_back({id, std::move(tokens)});
  }
  void forget(Recall::TextId id) {
    std::erase_if(texts, [id](const Text& text) { return text.id == id; });
  }
  bool can_push() const { return !texts.empty() && texts.back().id == newest; }

  std::vector<Tokens> all() const {
    std::vector<Tokens> out;
    for (const Text& text : texts) out.push_back(text.tokens);
    return out;
  }
  std::size_t places() const {
    std::size_t sum = 0;
    for (const Text& text : texts) sum += text.tokens.size() + 1;
    return sum;
  }
};

// In the order of find(): for each order of matches the newest places first.
std::vector<Match> in_order(const std::vector<Match>& newest_first) {
  std::vector<Match> out;
  for (const auto& order : RecallSegment::kOrders)
    for (const Match& match : newest_first)
      if (match.length >= order.order && match.length <= order.longest) out.push_back(match);
  return out;
}

void check_same(const std::vector<Match>& found, const std::vector<Match>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].next == expected[i].next);
    CHECK(found[i].length == expected[i].length);
  }
}

// The likeliest draft: behind the newest of the longest matches of at least five tokens.
Recall::Continuation plain_continuation(const std::vector<Tokens>& texts, const Tokens& context,
                                        std::size_t most) {
  Recall::Continuation out;
  for (auto text = texts.rbegin(); text != texts.rend(); ++text) {
    for (std::size_t next = text->size(); next-- > 1;) {
      std::size_t length = 0;
      while (length < std::min({next, context.size(), Recall::kLongest}) &&
             (*text)[next - 1 - length] == context[context.size() - 1 - length])
        ++length;
      if (length < 5 || length <= out.length) continue;
      out.length = static_cast<std::uint32_t>(length);
      const auto from = text->begin() + static_cast<std::ptrdiff_t>(next);
      out.tokens.assign(from, from + std::min<std::ptrdiff_t>(text->end() - from,
                                                              static_cast<std::ptrdiff_t>(most)));
    }
  }
  return out;
}

// What still stands in a full memory is its own affair, but only whole texts, and the newest ones.
void drop_what_went(const Recall& recall, PlainMemory& plain) {
  std::vector<Match> matches;
  // Each text begins with a token of its own, beyond the ones that are drawn.
  while (plain.texts.size() > 1) {  // the newest always stands
    matches.clear();
    const PlainMemory::Text& oldest = plain.texts.front();
    if (oldest.tokens.size() < 2) {
      plain.texts.erase(plain.texts.begin());
      continue;
    }
    recall.find(std::span(oldest.tokens).first(1), matches);
    if (!matches.empty()) return;
    plain.texts.erase(plain.texts.begin());
  }
}

}  // namespace

TEST_CASE("whatever is appended, pushed and forgotten, answers are those of a plain search") {
  constexpr int kVocab = 40, kSteps = 400;
  for (unsigned seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::size_t capacity = 60 + random() % 900;
    Recall recall(capacity, kVocab + kSteps);
    PlainMemory plain;
    for (int step = 0; step < kSteps; ++step) {
      CAPTURE(step);
      const std::size_t what = random() % 10;
      if (what < 4) {
        Tokens text = random_tokens(random, random() % (what == 0 ? capacity / 3 : 30), kVocab);
        text.insert(text.begin(), kVocab + step);
        plain.append(recall.append(text), text);
      } else if (what < 6 && !plain.texts.empty()) {
        // Mostly one of the newest, as an open document that is read again.
        const std::size_t back = random() % (what == 4 ? 2 : plain.texts.size()) + 1;
        const Recall::TextId id =
            plain.texts[plain.texts.size() - std::min(back, plain.texts.size())].id;
        recall.forget(id);
        plain.forget(id);
      } else if (what < 8) {
        for (std::int32_t token : random_tokens(random, random() % 20, kVocab)) {
          if (!plain.can_push()) {
            CHECK_THROWS_AS(recall.push(token), stateline::Error);
          } else if (plain.texts.back().tokens.size() + 1 < capacity) {
            recall.push(token);
            plain.texts.back().tokens.push_back(token);
          }
        }
      }
      drop_what_went(recall, plain);
      CHECK(plain.places() <= capacity);
      const std::vector<Tokens> texts = plain.all();
      Tokens context = random_tokens(random, random() % 4, kVocab);
      if (!texts.empty() && random() % 2 == 0) {
        const Tokens& text = texts[random() % texts.size()];
        context.assign(text.begin(),
                       text.begin() + static_cast<std::ptrdiff_t>(random() % text.size()));
      }
      check_same(found(recall, context), in_order(all_matches(texts, context, 1)));
      const Recall::Continuation expected = plain_continuation(texts, context, 7);
      const Recall::Continuation drafted = recall.continuation(context, 7);
      CHECK(drafted.length == expected.length);
      CHECK(drafted.tokens == expected.tokens);
    }
  }
}

TEST_CASE("a text that is forgotten and appended again for ever takes no other's room") {
  std::mt19937 random(2);
  Recall recall(20'000, 500);
  const Tokens other = random_tokens(random, 2'000, 500);
  recall.append(other);
  recall.append(random_tokens(random, 12'000, 500));
  Recall::TextId first = recall.append(random_tokens(random, 700, 500));
  Recall::TextId second = recall.append(random_tokens(random, 900, 500));
  std::size_t most_bytes = 0;
  for (int i = 0; i < 500; ++i) {
    Recall::TextId& open = i % 7 < 4 ? first : second;
    recall.forget(open);
    open = recall.append(random_tokens(random, 800, 500));
    most_bytes = std::max(most_bytes, recall.bytes());
    REQUIRE_FALSE(found(recall, {other[10], other[11], other[12]}).empty());
  }
  CHECK(most_bytes <= 20'000 * 40);
}

TEST_CASE("searches go on while others append and forget, and meet whole texts only") {
  Recall recall(4000, 1000);
  std::atomic<bool> writing{true};
  std::thread writer([&] {
    std::mt19937 random(3);
    std::vector<Recall::TextId> ids;
    for (int i = 0; i < 2000; ++i) {
      // Token n is followed by token n + 1.
      Tokens text(random() % 300);
      std::iota(text.begin(), text.end(), static_cast<std::int32_t>(random() % 500));
      ids.push_back(recall.append(text));
      if (i % 3 == 0) recall.forget(ids[random() % ids.size()]);
    }
    writing = false;
  });
  std::size_t wrong = 0;
  for (std::int32_t token = 0; writing; token = (token + 1) % 800) {
    for (const Match& match : found(recall, {token, token + 1})) wrong += match.next != token + 2;
    for (const std::int32_t next : recall.continuation(Tokens{token}, 5).tokens) wrong += next < 0;
  }
  writer.join();
  CHECK(wrong == 0);
}

TEST_CASE("ids outside the vocabulary are refused, and so is what continues a forgotten text") {
  Recall recall(100, 10);
  const Recall::TextId id = recall.append(Tokens{1, 2, 3});
  std::vector<Match> matches;
  for (const std::int32_t wrong : {-1, 10, INT32_MAX, INT32_MIN}) {
    const Tokens tokens{1, wrong};
    CHECK_THROWS_AS(recall.append(tokens), stateline::Error);
    CHECK_THROWS_AS(recall.push(wrong), stateline::Error);
    CHECK_THROWS_AS(recall.find(tokens, matches), stateline::Error);
    CHECK_THROWS_AS(recall.continuation(tokens, 3), stateline::Error);
  }
  recall.push(4);
  CHECK(sorted(found(recall, {2, 3})) == sorted({{4, 2}}));
  recall.forget(id);
  CHECK_THROWS_WITH_AS(recall.push(5),
                       "push: the text that was appended last was forgotten; append another first.",
                       stateline::Error);
  Recall small(4, 10);
  small.append(Tokens{1, 2});
  small.push(3);
  CHECK_THROWS_WITH_AS(small.push(4), "push: the text fills the memory; append another.",
                       stateline::Error);
}

TEST_CASE("the mixture is a distribution, leans to what followed longer matches, and mix() is it") {
  for (unsigned seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::uniform_int_distribution<std::uint32_t> length(2, 20);
    std::vector<Match> matches;
    for (const std::int32_t next : random_tokens(random, seed, 9))
      matches.push_back({next, length(random)});
    std::vector<float> logits(16);
    std::normal_distribution<float> normal;
    for (float& logit : logits) logit = 3 * normal(random);
    float sum = 0;
    for (const float logit : logits) sum += std::exp(logit);
    const std::span<const Match> all(matches);
    const std::size_t own = seed % (all.size() + 1);
    const Recalled what = recalled(all.subspan(own), all.first(own), logits, std::log(sum));
    std::vector<float> mixed = logits;
    mix(what, std::log(sum), mixed);
    float total = 0;
    for (std::size_t t = 0; t < mixed.size(); ++t) {
      total += std::exp(mixed[t]);
      const float alone =
          mixed_log_prob(what, static_cast<std::int32_t>(t), logits[t] - std::log(sum));
      CHECK(mixed[t] == doctest::Approx(alone).epsilon(1e-5));
    }
    CHECK(total == doctest::Approx(1).epsilon(1e-4));
  }
  const std::vector<float> even(16, 0.0f);
  const float norm = std::log(16.0f);
  const std::vector<Match> matches{{3, 20}, {4, 2}, {4, 2}, {4, 2}};
  for (const Recalled& what :
       {recalled(matches, {}, even, norm), recalled({}, matches, even, norm)})
    CHECK(mixed_log_prob(what, 3, -norm) > mixed_log_prob(what, 4, -norm));
  const std::span<const Match> none;
  CHECK(recalled(none, none, even, norm).scale == 1);
  CHECK(recalled(none, none, even, norm).told.empty());
}

TEST_CASE("a match is trusted less where the model is sure of something else") {
  const std::vector<Match> matches{{3, 4}, {3, 4}};
  std::vector<float> sure(16, -10.0f);
  sure[7] = 0;
  const float sure_norm = std::log(1 + 15 * std::exp(-10.0f));
  const std::vector<float> even(16, 0.0f);
  CHECK(recalled(matches, {}, sure, sure_norm).scale >
        recalled(matches, {}, even, std::log(16.0f)).scale);
}

TEST_CASE("what stands in the repository is another evidence than the same in the context") {
  const std::vector<Match> matches{{3, 3}, {3, 3}};
  const std::vector<float> even(16, 0.0f);
  const float norm = std::log(16.0f);
  CHECK(mixed_log_prob(recalled(matches, {}, even, norm), 3, -norm) !=
        doctest::Approx(mixed_log_prob(recalled({}, matches, even, norm), 3, -norm)).epsilon(1e-3));
}

TEST_CASE("a candidate is corrected by the network of the table") {
  const RecallWeights& weights = kDefaultRecallWeights;
  for (unsigned seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> share(0, 1);
    std::uniform_int_distribution<std::uint32_t> kind(0, TokenFacts::kKinds - 1);
    const auto any_kind = [&] { return static_cast<std::uint8_t>(kind(random)); };
    const Outlook outlook{-share(random), 2 * share(random), share(random), any_kind()};
    std::uniform_int_distribution<std::uint32_t> length(1, 32), distance(0, 100'000);
    const auto sightings = [&](bool any) {
      return any ? Sightings{length(random), distance(random), 9 * share(random),
                             1 + 20 * share(random)}
                 : Sightings{};
    };
    const Candidate candidate{1,
                              share(random),
                              -20 * share(random),
                              sightings(seed % 2 == 0),
                              sightings(seed % 3 == 0),
                              {any_kind(), -12 * share(random)}};
    const auto far = [](const Sightings& seen) {
      return seen.length == 0 ? 14.0 : std::log(1.0 + seen.distance);
    };
    const auto& [token, probability, log_prob, repository, context, fact] = candidate;
    std::vector<double> common{1, outlook.best, outlook.entropy, std::log(outlook.scale + 1e-3)};
    std::vector<double> own{std::log(probability),
                            std::max(log_prob, -16.0f),
                            probability,
                            std::log(1.0 + repository.length),
                            std::log(1.0 + context.length),
                            far(context),
                            far(repository),
                            repository.alignment,
                            context.alignment,
                            std::log(repository.weight),
                            std::log(context.weight),
                            fact.frequency};
    for (std::uint8_t k = 0; k < TokenFacts::kKinds; ++k) {
      common.push_back(k == outlook.kind_before);
      own.push_back(k == fact.kind);
    }
    double nats = weights.output_bias;
    for (std::size_t unit = 0; unit < RecallWeights::kUnits; ++unit) {
      double x = 0;
      for (std::size_t i = 0; i < common.size(); ++i) x += common[i] * weights.outlook[i][unit];
      for (std::size_t i = 0; i < own.size(); ++i) x += own[i] * weights.candidate[i][unit];
      nats += weights.output[unit] * std::max(x, 0.0);
    }
    const double expected = std::exp(std::clamp(nats, -8.0, 8.0));
    CHECK(Correction(weights, outlook).factor(candidate) ==
          doctest::Approx(expected).epsilon(1e-4));
  }
}

TEST_CASE("the memory knows how often each token stands in its living texts, and its kind") {
  const std::vector<std::uint8_t> kinds{0, 1, 2, 3, 4, 5, 6, 1};
  const auto share = [](double count, double total) { return std::log((count + 1) / (total + 8)); };
  const auto frequency = [](const Recall& recall, std::int32_t token) {
    return recall.facts(Tokens{token}).at(0).frequency;
  };
  Recall recall(64, kinds);
  CHECK(frequency(recall, 3) == doctest::Approx(share(0, 0)));
  const Recall::TextId first = recall.append(Tokens{1, 3, 3});
  recall.append(Tokens{3, 5});
  recall.push(3);
  CHECK(frequency(recall, 3) == doctest::Approx(share(4, 6)));
  CHECK(recall.facts(Tokens{7, 5}).at(0).kind == 1);
  CHECK(recall.facts(Tokens{7, 5}).at(1).kind == 5);
  recall.forget(first);
  recall.forget(first);  // is no error
  CHECK(frequency(recall, 3) == doctest::Approx(share(2, 3)));
  for (int i = 0; i < 40; ++i) recall.append(Tokens{2, 4});  // the oldest go
  const double living = std::exp(frequency(recall, 2)) / std::exp(frequency(recall, 6));
  CHECK(frequency(recall, 3) == frequency(recall, 6));
  CHECK(living > 15);
  CHECK(living < 32);
  // A text that fills the memory pushes out what was before it.
  Recall small(8, kinds);
  small.append(Tokens{1, 2, 3});
  small.append(Tokens{4});
  for (int i = 0; i < 4; ++i) small.push(4);
  CHECK(frequency(small, 2) == frequency(small, 6));
  CHECK(frequency(small, 4) == doctest::Approx(share(5, 5)));
  // Without kinds nothing is known.
  Recall plain(64, 8);
  plain.append(Tokens{1, 2});
  CHECK(plain.facts(Tokens{1}).at(0).kind == 0);
  CHECK(frequency(plain, 1) == 0);
  CHECK_THROWS_AS(Recall(64, std::vector<std::uint8_t>{7}), stateline::Error);
}

TEST_CASE("kinds and frequencies of tokens bear on the mixture") {
  std::vector<std::uint8_t> kinds(16);
  for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = static_cast<std::uint8_t>(i % 7);
  Recall memory(1024, kinds);
  memory.append(Tokens(100, 3));
  const std::vector<Match> matches{{3, 1}, {5, 1}};
  const std::vector<float> even(16, 0.0f);
  const float norm = std::log(16.0f);
  const auto mixed = [&](const Found& found) {
    return stateline::engine::recalled(kDefaultRecallWeights, found, even, norm).told;
  };
  const auto without = mixed({matches, {}}), with = mixed({matches, {}, &memory, 1}),
             after = mixed({matches, {}, &memory, 2});
  CHECK(without.at(0).probability != with.at(0).probability);
  CHECK(after.at(0).probability != with.at(0).probability);
}

TEST_CASE("a match says what was remembered after it, and which tokens stand in line with it") {
  Recall recall(1024, 100);
  recall.append(Tokens{10, 11, 12, 13, 14});
  recall.append(Tokens{20, 12, 21, 22});
  const std::vector<Match> matches = found(recall, {10, 30, 12});
  REQUIRE(matches.size() == 2);  // the newest first
  CHECK(matches[0].next == 21);
  CHECK(matches[0].distance == 2);
  CHECK(matches[0].alignment == 0);
  CHECK(matches[1].next == 13);
  CHECK(matches[1].distance == 7);  // 13 and 14, the mark between the texts, and four of the newer
  CHECK(matches[1].alignment == doctest::Approx(0.9 * 0.9));
}

TEST_CASE("a place weighs more the more of the tokens before it stand before the context's end") {
  // The definition, written out: every pair of equal tokens, the nearer one of the context's twins.
  const auto expected = [](const Tokens& text, std::size_t at, const Tokens& context) {
    double likeness = 0;
    for (std::size_t d = 1; d <= std::min(at, Recall::kSurroundings); ++d) {
      for (std::size_t e = 1; e <= std::min(context.size() - 1, Recall::kSurroundings); ++e) {
        if (context[context.size() - 1 - e] != text[at - d]) continue;
        likeness += std::pow(0.95, d - 1 + e - 1) * std::log(text[at - d] + 2.0);
        break;
      }
    }
    return std::exp(0.123 * likeness);
  };
  for (unsigned seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    // Each ends like the context; only what stands before it differs.
    Tokens text = random_tokens(random, 20 + 5 * seed, 4000), context = text;
    std::shuffle(context.begin(), context.end(), random);
    std::fill_n(context.begin(), context.size() / 2, 7);
    text.insert(text.end(), {4001, 4002});
    context.push_back(4001);
    Recall recall(1024, 4096);
    recall.append(random_tokens(random, 30, 4000));  // no part of the next text's surroundings
    recall.append(text);
    const std::vector<Match> matches = found(recall, context);
    REQUIRE(matches.size() == 1);
    CHECK(matches[0].weight == doctest::Approx(expected(text, text.size() - 2, context)));
  }
  Recall recall(1024, 4096);
  recall.append(Tokens{50, 60, 70, 1, 2});
  recall.append(Tokens{80, 90, 95, 1, 3});
  const std::vector<float> even(100, 0.0f);
  const Recalled what = recalled(found(recall, {50, 60, 71, 1}), {}, even, std::log(100.0f));
  CHECK(mixed_log_prob(what, 2, -std::log(100.0f)) > mixed_log_prob(what, 3, -std::log(100.0f)));
}
