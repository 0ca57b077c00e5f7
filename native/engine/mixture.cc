#include "engine/mixture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace stateline::engine {
namespace {

// Where a match stands: what a file says of itself is another evidence than what others say.
enum class Source : std::uint8_t { kRepository, kContext };

constexpr std::size_t kFeatures = 6;

// Of matches of at least this length.
struct Level {
  std::uint32_t length;
  Source source;
  std::array<float, kFeatures> weights;
};
constexpr Level kLevels[] = {
    {1, Source::kRepository, {-2.282f, -0.196f, 0.205f, -0.458f, -0.424f, 0.262f}},
    {1, Source::kContext, {-2.636f, 0.595f, -0.034f, -0.586f, -0.500f, 0.209f}},
    {2, Source::kRepository, {-3.083f, 0.128f, 0.474f, -1.177f, -0.609f, 0.216f}},
    {2, Source::kContext, {-3.176f, 1.580f, -0.032f, -1.270f, -0.589f, 0.324f}},
    {3, Source::kRepository, {-1.465f, 0.397f, 0.025f, -1.793f, -0.236f, 0.263f}},
    {3, Source::kContext, {-2.038f, 0.264f, -0.741f, -0.359f, 0.574f, 0.548f}},
    {4, Source::kRepository, {-3.001f, 0.831f, 0.174f, -1.399f, -0.539f, 0.082f}},
    {4, Source::kContext, {-2.750f, 1.959f, -0.043f, -1.769f, -0.199f, 0.162f}},
    {5, Source::kRepository, {-1.205f, -0.315f, 0.043f, -1.773f, 0.011f, 0.256f}},
    {5, Source::kContext, {-1.989f, 0.119f, -0.182f, -2.666f, -1.288f, 0.363f}},
    {7, Source::kRepository, {-1.733f, 0.583f, 0.047f, -2.812f, -0.225f, 0.162f}},
    {7, Source::kContext, {-2.281f, 1.056f, 0.043f, -2.085f, 1.183f, -0.055f}},
    {10, Source::kRepository, {-2.834f, 0.161f, 0.313f, -1.866f, -0.337f, 0.150f}},
    {10, Source::kContext, {-3.260f, 0.981f, 0.148f, -3.748f, -0.829f, -0.003f}},
    {16, Source::kRepository, {-1.760f, 0.732f, 0.126f, -3.010f, -0.015f, 0.095f}},
    {16, Source::kContext, {-1.843f, 0.659f, 0.120f, -3.622f, -0.115f, -0.234f}},
};
// A token that the model all but rules out: less says nothing more.
constexpr float kLeastLogProb = -12;

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

std::vector<Place> by_token(std::span<const Match> repository, std::span<const Match> context) {
  std::vector<Place> places;
  places.reserve(repository.size() + context.size());
  for (const Match& match : repository) places.push_back({match, Source::kRepository});
  for (const Match& match : context) places.push_back({match, Source::kContext});
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

}  // namespace

Recalled recalled(std::span<const Match> repository, std::span<const Match> context,
                  std::span<const float> logits, float log_norm) {
  Recalled out;
  const std::vector<Place> places = by_token(repository, context);
  if (places.empty()) return out;
  std::vector<Follower> followers = followers_of(places);
  const float best = *std::max_element(logits.begin(), logits.end()) - log_norm;
  for (const Level& level : kLevels) {
    const Evidence all = gather(level, followers);
    if (all.matches == 0) continue;
    const auto heaviest =
        std::max_element(followers.begin(), followers.end(),
                         [](const Follower& a, const Follower& b) { return a.weight < b.weight; });
    const float heaviest_log_prob = logits[static_cast<std::size_t>(heaviest->token)] - log_norm;
    const std::array<float, kFeatures> features{1,
                                                std::log(all.matches),
                                                std::log(all.weight),
                                                std::log(all.kinds),
                                                best,
                                                std::max(heaviest_log_prob, kLeastLogProb)};
    const float x =
        std::inner_product(features.begin(), features.end(), level.weights.begin(), 0.0f);
    const float gate = 1 / (1 + std::exp(-x));
    for (Follower& follower : followers)
      follower.probability =
          gate * follower.weight / all.weight + (1 - gate) * follower.probability;
    out.scale *= 1 - gate;
  }
  for (const Follower& follower : followers)
    out.added.push_back({follower.token, follower.probability});
  return out;
}

void mix(const Recalled& recalled, float log_norm, std::span<float> logits) {
  std::vector<float> mixed;
  for (const auto& [token, probability] : recalled.added) {
    mixed.push_back(
        mixed_log_prob(recalled, token, logits[static_cast<std::size_t>(token)] - log_norm));
  }
  const float shift = std::log(recalled.scale) - log_norm;
  for (float& logit : logits) logit += shift;
  for (std::size_t i = 0; i < mixed.size(); ++i)
    logits[static_cast<std::size_t>(recalled.added[i].token)] = mixed[i];
}

float mixed_log_prob(const Recalled& recalled, std::int32_t token, float model_log_prob) {
  float probability = recalled.scale * std::exp(model_log_prob);
  for (const Recalled::Added& added : recalled.added)
    if (added.token == token) probability += added.probability;
  return std::log(probability);
}

}  // namespace stateline::engine
