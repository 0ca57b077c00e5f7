#include "engine/recall.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>
#include <numeric>

namespace stateline::engine {
namespace {

constexpr std::int32_t kNone = -1;
constexpr std::uint32_t kNowhere = 0xffffffff;
constexpr std::size_t kFeatures = 6;

// Of matches of at least this length.
struct Level {
  std::uint32_t length;
  Source source;
  std::array<float, kFeatures> weights;
};
constexpr Level kLevels[] = {
    {1, Source::kRepository, {-2.459f, -0.181f, 0.257f, -0.511f, -0.521f, 0.264f}},
    {1, Source::kContext, {-2.771f, 0.578f, 0.006f, -0.569f, -0.520f, 0.199f}},
    {2, Source::kRepository, {-3.037f, 0.141f, 0.463f, -1.119f, -0.589f, 0.219f}},
    {2, Source::kContext, {-3.265f, 1.564f, 0.006f, -1.294f, -0.411f, 0.243f}},
    {3, Source::kRepository, {-1.381f, 0.392f, 0.018f, -1.803f, -0.223f, 0.269f}},
    {3, Source::kContext, {-2.017f, 0.440f, -0.704f, -0.329f, 0.630f, 0.539f}},
    {4, Source::kRepository, {-3.069f, 0.843f, 0.179f, -1.437f, -0.575f, 0.071f}},
    {4, Source::kContext, {-2.489f, 1.857f, -0.057f, -1.649f, -0.120f, 0.162f}},
    {5, Source::kRepository, {-1.223f, -0.276f, 0.036f, -1.716f, -0.038f, 0.269f}},
    {5, Source::kContext, {-1.959f, 0.305f, -0.157f, -2.737f, -1.139f, 0.303f}},
    {7, Source::kRepository, {-1.816f, 0.638f, 0.036f, -2.869f, -0.341f, 0.155f}},
    {7, Source::kContext, {-2.227f, 1.049f, 0.021f, -2.110f, 0.883f, -0.052f}},
    {10, Source::kRepository, {-2.909f, 0.177f, 0.323f, -1.962f, -0.238f, 0.129f}},
    {10, Source::kContext, {-3.365f, 1.037f, 0.153f, -3.884f, -0.871f, -0.020f}},
    {16, Source::kRepository, {-1.707f, 0.715f, 0.133f, -3.159f, 0.101f, 0.073f}},
    {16, Source::kContext, {-1.713f, 0.616f, 0.131f, -3.482f, 0.000f, -0.199f}},
};
// Tokens of a match from which its continuation is worth verifying: shorter ones are often wrong.
constexpr std::uint32_t kLeastDraftMatch = 8;
// A token that the model all but rules out: less says nothing more.
constexpr float kLeastLogProb = -12;

// How fast the tokens before a place lose their say, and how much likeness says in all; both were
// chosen with the gates (model/EXPERIMENTS.md).
constexpr float kNearness = 0.95f, kSharpness = 0.123f;

// The bag of tokens before the end of a context, to weigh places by: exp(kSharpness * sum over d of
// nearness(d) nearness(d') rarity(token)), for the tokens d before the place that also stand d'
// before the end of the context. The entries of a byte pair encoding are numbered by frequency, so
// the logarithm of the number is the rarity.
class Surroundings {
 public:
  explicit Surroundings(std::span<const std::int32_t> context) {
    const std::size_t count = std::min(context.size(), Recall::kSurroundings + 1);
    float nearness = 1;
    for (std::size_t d = 1; d < count; ++d, nearness *= kNearness) {
      const std::int32_t token = context[context.size() - 1 - d];
      float& worth = worth_[slot(token)];
      // Of a token that stands there twice the nearer one counts.
      if (worth == 0) worth = nearness * std::log(static_cast<float>(token) + 2);
    }
  }

  // `last` is the end of a match; the text begins after a kNone.
  float weight(const std::int32_t* last) const {
    float likeness = 0, nearness = 1;
    for (std::size_t d = 1; d <= Recall::kSurroundings && *(last - d) != kNone; ++d) {
      likeness += nearness * worth_[slot(*(last - d))];
      nearness *= kNearness;
    }
    return std::exp(kSharpness * likeness);
  }

 private:
  // As many as the embedded model's vocabulary has entries; those of a larger one share.
  static constexpr std::size_t kSlots = 4096;
  static std::size_t slot(std::int32_t token) { return static_cast<std::size_t>(token) % kSlots; }

  std::array<float, kSlots> worth_{};
};

// FNV-1a over whole tokens, folded to the table's size.
std::size_t hash_of(const std::int32_t* last, std::size_t order, std::size_t table) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (std::size_t i = 0; i < order; ++i)
    hash = (hash ^ static_cast<std::uint32_t>(*(last - i))) * 1099511628211ULL;
  return static_cast<std::size_t>(hash >> 32) & (table - 1);
}

}  // namespace

Recall::Recall(std::size_t capacity_tokens) : capacity_(std::max<std::size_t>(capacity_tokens, 2)) {
  const std::size_t table = std::bit_floor(capacity_);
  // Single tokens are few, so their table is small, and frequent, so more of them are looked at.
  const std::size_t small = std::min<std::size_t>(table, 1 << 14);
  chains_ = {Chains{5, kLongest, 64, std::vector<std::uint32_t>(table, kNowhere), {}},
             Chains{2, 4, 64, std::vector<std::uint32_t>(table, kNowhere), {}},
             Chains{1, 1, 256, std::vector<std::uint32_t>(small, kNowhere), {}}};
}

Recall::TextId Recall::append(std::span<const std::int32_t> tokens) {
  const std::unique_lock lock(mutex_);
  // One place is for the mark between texts.
  if (tokens.size() >= capacity_) tokens = tokens.last(capacity_ - 1);
  make_room(tokens.size() + 1);
  tokens_.push_back(kNone);
  texts_.push_back({next_id_, tokens_.size(), tokens_.size()});
  for (const std::int32_t token : tokens) add(token);
  return next_id_++;
}

void Recall::push(std::int32_t token) {
  const std::unique_lock lock(mutex_);
  if (texts_.empty() || tokens_.size() == capacity_) return;
  add(token);
}

void Recall::forget(TextId text) {
  const std::unique_lock lock(mutex_);
  const auto found =
      std::find_if(texts_.begin(), texts_.end(), [text](const Text& t) { return t.id == text; });
  if (found == texts_.end()) return;
  // Its places stay in the chains, where nothing matches them any more.
  std::fill(tokens_.begin() + static_cast<std::ptrdiff_t>(found->begin),
            tokens_.begin() + static_cast<std::ptrdiff_t>(found->end), kNone);
  texts_.erase(found);
}

std::size_t Recall::bytes() const {
  const std::shared_lock lock(mutex_);
  std::size_t count = tokens_.capacity();
  for (const Chains& chains : chains_) count += chains.newest.size() + chains.older.capacity();
  return sizeof(std::uint32_t) * count;
}

void Recall::add(std::int32_t token) {
  tokens_.push_back(token);
  texts_.back().end = tokens_.size();
  // The place before is worth finding now that something follows it.
  const std::size_t before = tokens_.size() - 2;
  if (before >= texts_.back().begin && tokens_[before] != kNone) index(before);
}

void Recall::index(std::size_t position) {
  for (Chains& chains : chains_) {
    chains.older.resize(position + 1, kNowhere);
    if (position + 1 < texts_.back().begin + chains.order) continue;
    std::uint32_t& newest =
        chains.newest[hash_of(&tokens_[position], chains.order, chains.newest.size())];
    chains.older[position] = newest;
    newest = static_cast<std::uint32_t>(position);
  }
}

// Moves what stays to the front: the newest texts that leave an eighth of the memory free, so that
// this is done rarely.
void Recall::make_room(std::size_t tokens) {
  if (tokens_.size() + tokens <= capacity_) return;
  std::size_t kept = 0, first = texts_.size();
  const std::size_t limit = std::min(capacity_ - capacity_ / 8, capacity_ - tokens);
  while (first > 0) {
    const Text& text = texts_[first - 1];
    kept += text.end - text.begin + 1;
    if (kept > limit) break;
    --first;
  }
  const std::vector<std::int32_t> old = std::move(tokens_);
  const std::vector<Text> texts(texts_.begin() + static_cast<std::ptrdiff_t>(first), texts_.end());
  tokens_.clear();
  texts_.clear();
  for (Chains& chains : chains_) {
    std::fill(chains.newest.begin(), chains.newest.end(), kNowhere);
    chains.older.clear();
  }
  for (const Text& text : texts) {
    tokens_.push_back(kNone);
    texts_.push_back({text.id, tokens_.size(), tokens_.size()});
    for (std::size_t i = text.begin; i < text.end; ++i) add(old[i]);
  }
}

template <typename Visit>
void Recall::walk(const Chains& chains, std::span<const std::int32_t> context,
                  const Visit& visit) const {
  if (context.size() < chains.order) return;
  const std::int32_t* last = &context.back();
  std::uint32_t at = chains.newest[hash_of(last, chains.order, chains.newest.size())];
  const std::size_t most = std::min(context.size(), kLongest);
  for (std::size_t walked = 0; at != kNowhere && walked < chains.walked; ++walked) {
    std::size_t length = 0;
    // A text begins after a kNone, which no context holds.
    while (length < most && tokens_[at - length] == *(last - length)) ++length;
    // What is longer stands in the other chains.
    if (length >= chains.order && length <= chains.longest && tokens_[at + 1] != kNone)
      visit(at, static_cast<std::uint32_t>(length));
    at = chains.older[at];
  }
}

void Recall::find(std::span<const std::int32_t> context, std::vector<Match>& matches) const {
  const std::shared_lock lock(mutex_);
  const Surroundings surroundings(context);
  for (const Chains& chains : chains_) {
    walk(chains, context, [&](std::uint32_t at, std::uint32_t length) {
      matches.push_back({tokens_[at + 1], length, surroundings.weight(&tokens_[at])});
    });
  }
}

Recall::Continuation Recall::continuation(std::span<const std::int32_t> context,
                                          std::size_t most) const {
  const std::shared_lock lock(mutex_);
  Continuation out;
  std::size_t from = 0;
  walk(chains_.front(), context, [&](std::uint32_t at, std::uint32_t length) {
    if (length <= out.length) return;
    out.length = length;
    from = at + 1;
  });
  if (out.length == 0) return out;
  for (std::size_t at = from; at < tokens_.size() && at < from + most; ++at) {
    if (tokens_[at] == kNone) break;
    out.tokens.push_back(tokens_[at]);
  }
  return out;
}

namespace {

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

Recollection::Recollection(std::shared_ptr<const Recall> memory, std::vector<std::int32_t> context,
                           std::size_t more)
    : memory_(std::move(memory)), context_(std::move(context)), own_(context_.size() + more + 1) {
  own_.append(context_);
}

void Recollection::push(std::int32_t token) {
  context_.push_back(token);
  own_.push(token);
}

std::vector<std::int32_t> Recollection::draft(std::size_t most) const {
  Recall::Continuation best = own_.continuation(context_, most);
  if (memory_) {
    Recall::Continuation shared = memory_->continuation(context_, most);
    if (shared.length > best.length) best = std::move(shared);
  }
  if (best.length < kLeastDraftMatch) return {};
  return std::move(best.tokens);
}

Recalled Recollection::next(std::span<const float> logits, float log_norm) {
  return after(context_, logits, log_norm);
}

Recalled Recollection::after(std::span<const std::int32_t> end, std::span<const float> logits,
                             float log_norm) {
  from_repository_.clear();
  from_context_.clear();
  if (memory_) memory_->find(end, from_repository_);
  own_.find(end, from_context_);
  return recalled(from_repository_, from_context_, logits, log_norm);
}

}  // namespace stateline::engine
