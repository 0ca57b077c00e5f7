#include "engine/recall.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>

namespace stateline::engine {
namespace {

constexpr std::int32_t kNone = -1;
constexpr std::uint32_t kNowhere = 0xffffffff;

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

}  // namespace stateline::engine
