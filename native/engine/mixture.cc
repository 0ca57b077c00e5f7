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
    {1, Source::kRepository, {-1.589f, -0.224f, -0.039f, -0.463f, -0.282f, 0.338f}},
    {1, Source::kContext, {-2.284f, 0.457f, -0.170f, -0.454f, -0.550f, 0.274f}},
    {2, Source::kRepository, {-2.876f, 0.045f, 0.420f, -1.120f, -0.678f, 0.264f}},
    {2, Source::kContext, {-2.563f, 1.629f, -0.190f, -1.009f, -0.487f, 0.426f}},
    {3, Source::kRepository, {-1.709f, 0.353f, 0.081f, -2.025f, -0.357f, 0.302f}},
    {3, Source::kContext, {-1.898f, -0.025f, -0.703f, -0.410f, 0.583f, 0.517f}},
    {4, Source::kRepository, {-2.973f, 0.805f, 0.160f, -1.433f, -0.821f, 0.126f}},
    {4, Source::kContext, {-2.222f, 1.958f, -0.183f, -1.354f, -0.175f, 0.269f}},
    {5, Source::kRepository, {-1.133f, -0.338f, 0.011f, -1.577f, -0.060f, 0.324f}},
    {5, Source::kContext, {-1.427f, 0.470f, -0.238f, -2.316f, -1.153f, 0.372f}},
    {7, Source::kRepository, {-1.813f, 0.465f, 0.098f, -2.715f, -0.273f, 0.225f}},
    {7, Source::kContext, {-2.481f, 1.268f, 0.057f, -2.419f, 0.974f, 0.059f}},
    {10, Source::kRepository, {-2.859f, 0.152f, 0.321f, -1.842f, -0.352f, 0.186f}},
    {10, Source::kContext, {-2.798f, 0.910f, 0.115f, -3.190f, -0.283f, 0.002f}},
    {16, Source::kRepository, {-1.773f, 0.722f, 0.094f, -2.150f, -0.406f, 0.153f}},
    {16, Source::kContext, {-2.189f, 0.675f, 0.203f, -3.114f, 0.233f, -0.142f}},
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
