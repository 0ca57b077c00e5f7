#include "engine/recall.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>

namespace stateline::engine {
namespace {

constexpr std::int32_t kNone = -1;
constexpr std::uint32_t kNowhere = 0xffffffff;
constexpr std::size_t kShortOrder = 2, kLongOrder = 5;
constexpr std::size_t kMostWalked = 64;  // of each chain, the newest

// From this match length on, up to the next row.
struct Level {
  std::uint32_t length;
  float discount, concentration;
};
constexpr Level kLevels[] = {{2, 0.123f, 195.533f}, {3, 0.120f, 49.015f}, {4, 0.071f, 848.791f},
                             {5, 0.729f, 0.460f},   {7, 0.682f, 0.088f},  {10, 0.231f, 22.079f},
                             {16, 0.238f, 0.034f}};

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
  long_ = {kLongOrder, std::vector<std::uint32_t>(table, kNowhere), {}};
  short_ = {kShortOrder, std::vector<std::uint32_t>(table, kNowhere), {}};
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
  return sizeof(std::uint32_t) * (tokens_.capacity() + long_.newest.size() + short_.newest.size() +
                                  long_.older.capacity() + short_.older.capacity());
}

void Recall::add(std::int32_t token) {
  tokens_.push_back(token);
  texts_.back().end = tokens_.size();
  // The place before is worth finding now that something follows it.
  const std::size_t before = tokens_.size() - 2;
  if (before >= texts_.back().begin && tokens_[before] != kNone) index(before);
}

void Recall::index(std::size_t position) {
  for (Chains* chains : {&long_, &short_}) {
    chains->older.resize(position + 1, kNowhere);
    if (position + 1 < texts_.back().begin + chains->order) continue;
    std::uint32_t& newest =
        chains->newest[hash_of(&tokens_[position], chains->order, chains->newest.size())];
    chains->older[position] = newest;
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
  for (Chains* chains : {&long_, &short_}) {
    std::fill(chains->newest.begin(), chains->newest.end(), kNowhere);
    chains->older.clear();
  }
  for (const Text& text : texts) {
    tokens_.push_back(kNone);
    texts_.push_back({text.id, tokens_.size(), tokens_.size()});
    for (std::size_t i = text.begin; i < text.end; ++i) add(old[i]);
  }
}

void Recall::find(std::span<const std::int32_t> context, std::vector<Match>& matches) const {
  const std::shared_lock lock(mutex_);
  walk(long_, context, kLongest, matches);
  walk(short_, context, kLongOrder - 1, matches);
}

void Recall::walk(const Chains& chains, std::span<const std::int32_t> context, std::size_t longest,
                  std::vector<Match>& matches) const {
  if (context.size() < chains.order) return;
  const std::int32_t* last = &context.back();
  std::uint32_t at = chains.newest[hash_of(last, chains.order, chains.newest.size())];
  const std::size_t most = std::min(context.size(), kLongest);
  for (std::size_t walked = 0; at != kNowhere && walked < kMostWalked; ++walked) {
    std::size_t length = 0;
    // A text begins after a kNone, which no context holds.
    while (length < most && tokens_[at - length] == *(last - length)) ++length;
    // What is longer stands in the other chains.
    if (length >= chains.order && length <= longest && tokens_[at + 1] != kNone)
      matches.push_back({tokens_[at + 1], static_cast<std::uint32_t>(length)});
    at = chains.older[at];
  }
}

Recalled recalled(std::span<const Match> matches) {
  struct Count {
    std::int32_t token;
    float count, probability;
  };
  std::vector<Count> counts;
  Recalled out;
  for (const Level& level : kLevels) {
    for (Count& count : counts) count.count = 0;
    float total = 0;
    for (const Match& match : matches) {
      if (match.length < level.length) continue;
      auto found = std::find_if(counts.begin(), counts.end(),
                                [&](const Count& c) { return c.token == match.next; });
      if (found == counts.end()) found = counts.insert(counts.end(), {match.next, 0, 0});
      ++found->count;
      ++total;
    }
    if (total == 0) break;
    const auto kinds = static_cast<float>(
        std::count_if(counts.begin(), counts.end(), [](const Count& c) { return c.count > 0; }));
    const float norm = 1 / (total + level.concentration);
    const float below = (level.concentration + level.discount * kinds) * norm;
    for (Count& count : counts) {
      count.probability =
          std::max(count.count - level.discount, 0.0f) * norm + below * count.probability;
    }
    out.scale *= below;
  }
  for (const Count& count : counts) out.added.push_back({count.token, count.probability});
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

Recalled Recollection::next() {
  matches_.clear();
  own_.find(context_, matches_);
  if (memory_) memory_->find(context_, matches_);
  return recalled(matches_);
}

}  // namespace stateline::engine
