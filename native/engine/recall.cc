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
constexpr std::size_t kFeatures = 5;

// From this match length on, up to the next row.
struct Level {
  std::uint32_t length;
  std::array<float, kFeatures> weights;
};
constexpr Level kLevels[] = {
    {1, {-2.206f, 0.143f, -0.427f, -0.586f, 0.183f}},
    {2, {-1.726f, 0.689f, -1.389f, -0.580f, 0.204f}},
    {3, {-1.906f, 0.834f, -1.627f, -0.498f, 0.204f}},
    {4, {-2.343f, 0.929f, -1.153f, -0.514f, 0.061f}},
    {5, {-1.575f, 0.787f, -2.357f, -0.283f, 0.081f}},
    {7, {-1.315f, 0.804f, -2.453f, -0.316f, 0.096f}},
    {10, {-1.094f, 0.800f, -1.928f, -0.426f, 0.080f}},
    {16, {-0.273f, 0.688f, -2.940f, 0.161f, -0.040f}},
};
// Tokens of a match from which its continuation is worth verifying: shorter ones are often wrong.
constexpr std::uint32_t kLeastDraftMatch = 8;
// A token that the model all but rules out: less says nothing more.
constexpr float kLeastLogProb = -12;

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
  for (const Chains& chains : chains_) {
    walk(chains, context, [&](std::uint32_t at, std::uint32_t length) {
      matches.push_back({tokens_[at + 1], length});
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

// A token that followed, the matches that it followed, how often it did at the level at hand, and
// its probability so far without the model's share.
struct Follower {
  std::int32_t token;
  std::span<const Match> matches;
  float count = 0, probability = 0;
};

// `matches` sorted by token.
std::vector<Follower> followers_of(std::span<const Match> matches) {
  std::vector<Follower> followers;
  for (std::size_t begin = 0; begin < matches.size();) {
    std::size_t end = begin + 1;
    while (end < matches.size() && matches[end].next == matches[begin].next) ++end;
    followers.push_back({matches[begin].next, matches.subspan(begin, end - begin)});
    begin = end;
  }
  return followers;
}

// Sets each follower's count at this level; returns their sum.
float count_at(const Level& level, std::vector<Follower>& followers) {
  float total = 0;
  for (Follower& follower : followers) {
    const auto reaches = [&](const Match& match) { return match.length >= level.length; };
    follower.count = static_cast<float>(
        std::count_if(follower.matches.begin(), follower.matches.end(), reaches));
    total += follower.count;
  }
  return total;
}

}  // namespace

Recalled recalled(std::span<const Match> matches, std::span<const float> logits, float log_norm) {
  Recalled out;
  if (matches.empty()) return out;
  std::vector<Match> by_token(matches.begin(), matches.end());
  std::sort(by_token.begin(), by_token.end(),
            [](const Match& a, const Match& b) { return a.next < b.next; });
  std::vector<Follower> followers = followers_of(by_token);
  const float best = *std::max_element(logits.begin(), logits.end()) - log_norm;
  for (const Level& level : kLevels) {
    const float total = count_at(level, followers);
    if (total == 0) break;
    const auto kinds = std::count_if(followers.begin(), followers.end(),
                                     [](const Follower& f) { return f.count > 0; });
    const auto most =
        std::max_element(followers.begin(), followers.end(),
                         [](const Follower& a, const Follower& b) { return a.count < b.count; });
    const float most_log_prob = logits[static_cast<std::size_t>(most->token)] - log_norm;
    const std::array<float, kFeatures> features{1, std::log(total),
                                                std::log(static_cast<float>(kinds)), best,
                                                std::max(most_log_prob, kLeastLogProb)};
    const float x =
        std::inner_product(features.begin(), features.end(), level.weights.begin(), 0.0f);
    const float gate = 1 / (1 + std::exp(-x));
    for (Follower& follower : followers)
      follower.probability = gate * follower.count / total + (1 - gate) * follower.probability;
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
  matches_.clear();
  own_.find(context_, matches_);
  if (memory_) memory_->find(context_, matches_);
  return recalled(matches_, logits, log_norm);
}

}  // namespace stateline::engine
