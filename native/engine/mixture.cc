#include "engine/mixture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "engine/correction.h"
#include "engine/likeliest.h"

namespace stateline::engine {
namespace {

// Where a match stands: what a file says of itself is another evidence than what others say.
enum class Source : std::uint8_t { kRepository, kContext };

// Of matches of at least this length; its gate's weights are in the same row of RecallWeights.
struct Level {
  std::uint32_t length;
  Source source;
};
constexpr std::array<Level, RecallWeights::kLevels> kLevels{{
    {1, Source::kRepository},
    {1, Source::kContext},
    {2, Source::kRepository},
    {2, Source::kContext},
    {3, Source::kRepository},
    {3, Source::kContext},
    {4, Source::kRepository},
    {4, Source::kContext},
    {5, Source::kRepository},
    {5, Source::kContext},
    {7, Source::kRepository},
    {7, Source::kContext},
    {10, Source::kRepository},
    {10, Source::kContext},
    {16, Source::kRepository},
    {16, Source::kContext},
}};
// A token that the model all but rules out: less says nothing more.
constexpr float kLeastLogProb = -12;
// So many of the mixture's likeliest tokens are corrected, among them so many of the model's.
constexpr std::size_t kCorrected = 24, kOfModel = 16;

struct Place {
  Match match;
  Source source;
};

// A token that followed, the places that it followed, their weight at the level at hand, and its
// probability so far without the model's share.
struct Follower {
  std::int32_t token;
  std::span<const Place> places;
  float weight = 0, probability = 0;
};

// The model's prediction.
struct Prediction {
  std::span<const float> logits;  // [vocab]
  float log_norm;
  std::vector<std::int32_t> likeliest;  // kOfModel, the likeliest first

  float log_prob(std::int32_t token) const {
    return logits[static_cast<std::size_t>(token)] - log_norm;
  }
};

std::vector<Place> by_token(const Found& found) {
  std::vector<Place> places;
  places.reserve(found.repository.size() + found.context.size());
  for (const Match& match : found.repository) places.push_back({match, Source::kRepository});
  for (const Match& match : found.context) places.push_back({match, Source::kContext});
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.match.next < b.match.next; });
  return places;
}

// `places` sorted by token.
std::vector<Follower> followers_of(std::span<const Place> places) {
  std::vector<Follower> followers;
  for (std::size_t begin = 0; begin < places.size();) {
    const std::int32_t token = places[begin].match.next;
    std::size_t end = begin + 1;
    while (end < places.size() && places[end].match.next == token) ++end;
    followers.push_back({token, places.subspan(begin, end - begin)});
    begin = end;
  }
  return followers;
}

// What the matches of a level say all together.
struct Evidence {
  float matches = 0, weight = 0, kinds = 0;
};

// Sets each follower's weight at this level.
Evidence gather(const Level& level, std::vector<Follower>& followers) {
  Evidence all;
  for (Follower& follower : followers) {
    follower.weight = 0;
    for (const Place& place : follower.places) {
      if (place.match.length < level.length || place.source != level.source) continue;
      follower.weight += place.match.weight;
      ++all.matches;
    }
    all.weight += follower.weight;
    if (follower.weight > 0) ++all.kinds;
  }
  return all;
}

// Mixes the model's distribution with the followers', level by level; returns what is left to it.
float mix_levels(const RecallWeights& weights, const Prediction& model,
                 std::vector<Follower>& followers) {
  const float best = model.log_prob(model.likeliest.front());
  float scale = 1;
  for (std::size_t row = 0; row < kLevels.size(); ++row) {
    const Evidence all = gather(kLevels[row], followers);
    if (all.matches == 0) continue;
    const auto heaviest =
        std::max_element(followers.begin(), followers.end(),
                         [](const Follower& a, const Follower& b) { return a.weight < b.weight; });
    const std::array<float, RecallWeights::kGateFeatures> features{
        1,
        std::log(all.matches),
        std::log(all.weight),
        std::log(all.kinds),
        best,
        std::max(model.log_prob(heaviest->token), kLeastLogProb)};
    const float x =
        std::inner_product(features.begin(), features.end(), weights.gates[row].begin(), 0.0f);
    const float gate = 1 / (1 + std::exp(-x));
    for (Follower& follower : followers)
      follower.probability =
          gate * follower.weight / all.weight + (1 - gate) * follower.probability;
    scale *= 1 - gate;
  }
  return scale;
}

void see(const Match& match, Sightings& seen) {
  const bool is_first = seen.length == 0;
  seen.length = std::max(seen.length, match.length);
  seen.distance = is_first ? match.distance : std::min(seen.distance, match.distance);
  seen.alignment = std::max(seen.alignment, match.alignment);
  seen.weight = std::max(seen.weight, match.weight);
}

// The followers and what else the model has in mind, the likeliest kCorrected first; all of them
// have the probability that the levels give.
std::vector<Candidate> candidates_of(const Prediction& model, std::span<const Follower> followers,
                                     float scale) {
  std::vector<Candidate> out;
  out.reserve(followers.size() + kOfModel);
  for (const Follower& follower : followers) {
    const float log_prob = model.log_prob(follower.token);
    out.push_back(
        {follower.token, follower.probability + scale * std::exp(log_prob), log_prob, {}, {}, {}});
  }
  for (const std::int32_t token : model.likeliest) {
    const auto known =
        std::lower_bound(followers.begin(), followers.end(), token,
                         [](const Follower& a, std::int32_t b) { return a.token < b; });
    if (known != followers.end() && known->token == token) continue;
    const float log_prob = model.log_prob(token);
    out.push_back({token, scale * std::exp(log_prob), log_prob, {}, {}, {}});
  }
  const std::size_t corrected = std::min(kCorrected, out.size());
  std::partial_sort(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(corrected), out.end(),
                    [](const Candidate& a, const Candidate& b) {
                      return a.probability != b.probability ? a.probability > b.probability
                                                            : a.token < b.token;
                    });
  return out;
}

// Multiplies the likeliest probabilities by what the network says; returns by how much
// their sum grew.
float correct(const RecallWeights& weights, const Prediction& model, std::span<const Place> places,
              float scale, std::uint8_t kind_before, std::span<Candidate> candidates) {
  float entropy = 0;
  for (const std::int32_t token : model.likeliest)
    entropy -= std::exp(model.log_prob(token)) * model.log_prob(token);
  const Correction correction(
      weights, {model.log_prob(model.likeliest.front()), entropy, scale, kind_before});
  float gained = 0;
  for (Candidate& candidate : candidates) {
    const auto [begin, end] = std::equal_range(
        places.begin(), places.end(), Place{{candidate.token, 0}, Source::kContext},
        [](const Place& a, const Place& b) { return a.match.next < b.match.next; });
    for (auto place = begin; place != end; ++place)
      see(place->match,
          place->source == Source::kContext ? candidate.context : candidate.repository);
    const float before = candidate.probability;
    candidate.probability *= correction.factor(candidate);
    gained += candidate.probability - before;
  }
  return gained;
}

// Sets the candidates' facts; returns the kind of the context's last token.
std::uint8_t look_up(const Found& found, std::span<Candidate> candidates) {
  if (!found.memory) return 0;
  std::vector<std::int32_t> tokens;
  tokens.reserve(candidates.size() + 1);
  for (const Candidate& candidate : candidates) tokens.push_back(candidate.token);
  tokens.push_back(found.last);
  const std::vector<TokenFact> facts = found.memory->facts(tokens);
  for (std::size_t i = 0; i < candidates.size(); ++i) candidates[i].fact = facts[i];
  return facts.back().kind;
}

}  // namespace

Recalled recalled(const RecallWeights& weights, const Found& found, std::span<const float> logits,
                  float log_norm) {
  const std::vector<Place> places = by_token(found);
  if (places.empty()) return {};
  std::vector<Follower> followers = followers_of(places);
  const Prediction model{logits, log_norm, likeliest(logits, kOfModel)};
  const float scale = mix_levels(weights, model, followers);
  std::vector<Candidate> candidates = candidates_of(model, followers, scale);
  const std::span<Candidate> likely =
      std::span(candidates).first(std::min(kCorrected, candidates.size()));
  const std::uint8_t kind_before = look_up(found, likely);
  const float sum = 1 + correct(weights, model, places, scale, kind_before, likely);
  Recalled out{scale / sum, {}};
  out.told.reserve(candidates.size());
  for (const Candidate& candidate : candidates)
    out.told.push_back({candidate.token, candidate.probability / sum});
  return out;
}

void mix(const Recalled& recalled, float log_norm, std::span<float> logits) {
  const float shift = std::log(recalled.scale) - log_norm;
  for (float& logit : logits) logit += shift;
  for (const auto& [token, probability] : recalled.told)
    logits[static_cast<std::size_t>(token)] = std::log(probability);
}

float mixed_log_prob(const Recalled& recalled, std::int32_t token, float model_log_prob) {
  for (const Recalled::Told& told : recalled.told)
    if (told.token == token) return std::log(told.probability);
  return std::log(recalled.scale) + model_log_prob;
}

}  // namespace stateline::engine
