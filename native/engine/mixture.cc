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
    {1, Source::kRepository, {-2.169f, -0.247f, 0.109f, -0.301f, -0.924f, 0.258f}},
    {1, Source::kContext, {-2.207f, 0.483f, -0.189f, -0.460f, -0.562f, 0.280f}},
    {2, Source::kRepository, {-2.797f, 0.052f, 0.415f, -1.212f, -0.647f, 0.248f}},
    {2, Source::kContext, {-2.755f, 1.045f, -0.067f, -0.731f, -0.619f, 0.408f}},
    {3, Source::kRepository, {-1.675f, 0.427f, 0.039f, -1.798f, -0.329f, 0.296f}},
    {3, Source::kContext, {-1.792f, 0.305f, -0.626f, -0.377f, 0.514f, 0.481f}},
    {4, Source::kRepository, {-2.962f, 0.788f, 0.184f, -1.520f, -0.821f, 0.141f}},
    {4, Source::kContext, {-2.455f, 1.372f, -0.081f, -1.091f, -0.141f, 0.261f}},
    {5, Source::kRepository, {-1.072f, -0.346f, 0.054f, -1.645f, 0.013f, 0.348f}},
    {5, Source::kContext, {-1.331f, 0.827f, -0.241f, -2.438f, -1.042f, 0.407f}},
    {7, Source::kRepository, {-1.873f, 0.513f, 0.092f, -2.764f, -0.320f, 0.210f}},
    {7, Source::kContext, {-2.424f, 1.541f, 0.034f, -2.082f, 1.211f, 0.067f}},
    {10, Source::kRepository, {-2.892f, 0.142f, 0.334f, -1.858f, -0.289f, 0.189f}},
    {10, Source::kContext, {-2.839f, 0.783f, 0.128f, -3.202f, -0.268f, 0.002f}},
    {16, Source::kRepository, {-1.767f, 0.697f, 0.095f, -1.879f, -0.421f, 0.160f}},
    {16, Source::kContext, {-2.183f, 0.704f, 0.207f, -3.158f, 0.273f, -0.134f}},
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
