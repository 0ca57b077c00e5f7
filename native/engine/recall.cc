#include "engine/recall.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <utility>

#include "engine/token_ids.h"
#include "formats/error.h"

namespace stateline::engine {
namespace {

// Segments of a full memory: what goes at once is one of them.
constexpr std::size_t kSegments = 16;
// Tokens that are appended before others may search again: some 50 microseconds.
constexpr std::size_t kAppendedAtOnce = 1024;

// How fast the tokens before a place lose their say, and how much likeness says in all; both were
// chosen with the gates (model/EXPERIMENTS.md).
constexpr float kNearness = 0.95f, kSharpness = 0.123f;
// How far back tokens are compared one by one, and how fast they lose their say.
constexpr std::size_t kAligned = 24;
constexpr float kAlignedNearness = 0.9f;

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
    for (std::size_t d = 1; d <= Recall::kSurroundings && *(last - d) != RecallSegment::kNone;
         ++d) {
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

// Of the tokens before the end of a match, those that stand as far before the context's end.
float alignment(std::span<const std::int32_t> context, const std::int32_t* last) {
  const std::size_t count = std::min(context.size(), kAligned);
  float sum = 0, nearness = 1;
  for (std::size_t d = 1; d < count && *(last - d) != RecallSegment::kNone; ++d) {
    nearness *= kAlignedNearness;
    if (*(last - d) == context[context.size() - 1 - d]) sum += nearness;
  }
  return sum;
}

}  // namespace

Recall::Recall(std::size_t capacity_tokens, std::size_t vocab_size)
    : capacity_(std::max<std::size_t>(capacity_tokens, 2)),
      vocab_size_(vocab_size),
      segment_places_(std::max<std::size_t>(capacity_ / kSegments, 2)) {}

Recall::Recall(std::size_t capacity_tokens, std::vector<std::uint8_t> kinds)
    : Recall(capacity_tokens, kinds.size()) {
  facts_.emplace(std::move(kinds));
}

Recall::TextId Recall::append(std::span<const std::int32_t> tokens) {
  check_token_ids(tokens, vocab_size_, "append: tokens");
  const std::lock_guard writing(writing_);
  // One place is for the mark between texts.
  if (tokens.size() >= capacity_) tokens = tokens.last(capacity_ - 1);
  RecallSegment& segment = segment_for(tokens.size() + 1);
  const TextId id = next_id_++;
  {
    const std::unique_lock lock(mutex_);
    segment.begin_text(id);
  }
  while (!tokens.empty()) {
    const std::size_t count = std::min(tokens.size(), kAppendedAtOnce);
    const std::unique_lock lock(mutex_);
    for (const std::int32_t token : tokens.first(count)) add(segment, token);
    tokens = tokens.subspan(count);
  }
  return id;
}

void Recall::push(std::int32_t token) {
  check_token_ids(std::span(&token, 1), vocab_size_, "push: token");
  const std::lock_guard writing(writing_);
  if (segments_.empty() || segments_.back()->newest_text() != next_id_ - 1)
    throw Error(ErrorCode::kInvalidArgument,
                "push: the text that was appended last was forgotten; append another first.");
  if (size() == capacity_) drop_oldest_text();
  if (segments_.back()->is_crowded())
    replace(segments_.size() - 1, 1, joined(segments_.size() - 1, 1, 2 * segments_.back()->size()));
  const std::unique_lock lock(mutex_);
  add(*segments_.back(), token);
}

void Recall::add(RecallSegment& segment, std::int32_t token) {
  segment.add(token);
  if (facts_) facts_->add(token);
}

void Recall::forget(TextId text) {
  const std::lock_guard writing(writing_);
  for (std::size_t i = segments_.size(); i-- > 0;) {
    {
      const std::unique_lock lock(mutex_);
      if (facts_) facts_->remove(segments_[i]->tokens_of(text));
      if (!segments_[i]->forget(text)) continue;
    }
    return tidy(i);
  }
}

std::size_t Recall::bytes() const {
  const std::shared_lock lock(mutex_);
  std::size_t sum = 0;
  for (const Segment& segment : segments_) sum += segment->bytes();
  if (facts_) sum += facts_->bytes();
  return sum;
}

std::size_t Recall::size() const {
  std::size_t sum = 0;
  for (const Segment& segment : segments_) sum += segment->size();
  return sum;
}

// Where a text of so many places goes, once there is room for it.
RecallSegment& Recall::segment_for(std::size_t places) {
  while (size() + places > capacity_) drop_oldest();
  if (segments_.empty() || !segments_.back()->has_room_for(places)) {
    auto fresh = std::make_unique<RecallSegment>(std::max(segment_places_, places));
    replace(segments_.size(), 0, std::move(fresh));
  }
  return *segments_.back();
}

void Recall::drop_oldest() {
  uncount(*segments_.front());
  replace(0, 1, nullptr);
}

// Before a segment goes with all its texts; others may search in between.
void Recall::uncount(const RecallSegment& segment) {
  if (!facts_) return;
  for (const TextId text : segment.texts()) {
    const std::unique_lock lock(mutex_);
    facts_->remove(segment.tokens_of(text));
  }
}

// While the newest text, which goes on, stays.
void Recall::drop_oldest_text() {
  if (segments_.size() > 1) return drop_oldest();
  RecallSegment& only = *segments_.front();
  if (only.oldest_text() == only.newest_text())
    throw Error(ErrorCode::kInvalidArgument, "push: the text fills the memory; append another.");
  {
    const std::unique_lock lock(mutex_);
    if (facts_) facts_->remove(only.tokens_of(*only.oldest_text()));
    only.forget(*only.oldest_text());
  }
  replace(0, 1, joined(0, 1, std::max(segment_places_, only.living())));
}

// Puts `by`, if it is one, in the place of `count` segments; what is freed is freed afterwards.
void Recall::replace(std::size_t first, std::size_t count, Segment by) {
  std::vector<Segment> next;
  next.reserve(segments_.size() + 1);
  const std::unique_lock lock(mutex_);
  for (std::size_t i = 0; i < first; ++i) next.push_back(std::move(segments_[i]));
  if (by) next.push_back(std::move(by));
  for (std::size_t i = first + count; i < segments_.size(); ++i)
    next.push_back(std::move(segments_[i]));
  segments_.swap(next);
}

// The living texts of `count` segments, in one; others may search the old ones meanwhile.
Recall::Segment Recall::joined(std::size_t first, std::size_t count, std::size_t places) const {
  auto out = std::make_unique<RecallSegment>(places);
  for (std::size_t i = first; i < first + count; ++i) out->add_all(*segments_[i]);
  return out;
}

// After something in it was forgotten: at most a quarter of a segment lies idle, and neighbours
// that fit in one segment become one, so that there are not many small ones.
void Recall::tidy(std::size_t at) {
  if (segments_[at]->living() == 0) {
    replace(at, 1, nullptr);
    if (at > 0 && at < segments_.size() && fit_in_one(at - 1))
      replace(at - 1, 2, joined(at - 1, 2, segment_places_));
    return;
  }
  const RecallSegment& segment = *segments_[at];
  const std::size_t idle = segment.size() - segment.living();
  if (4 * idle <= segment.size()) return;
  std::size_t first = at, count = 1;
  if (at > 0 && fit_in_one(at - 1)) {
    --first;
    ++count;
  } else if (at + 1 < segments_.size() && fit_in_one(at)) {
    ++count;
  }
  replace(first, count, joined(first, count, std::max(segment_places_, segment.living())));
}

bool Recall::fit_in_one(std::size_t first) const {
  return segments_[first]->living() + segments_[first + 1]->living() <= segment_places_;
}

template <typename Visit>
void Recall::walk(std::size_t order, std::span<const std::int32_t> context,
                  const Visit& visit) const {
  std::size_t walks = RecallSegment::kOrders[order].walked, newer = 0;
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    (*segment)->walk(order, context, walks, [&](std::size_t at, std::uint32_t length) {
      visit(Place{**segment, at, length, newer});
    });
    newer += (*segment)->size();
  }
}

void Recall::find(std::span<const std::int32_t> context, std::vector<Match>& matches) const {
  check_token_ids(context, vocab_size_, "find: context");
  const std::shared_lock lock(mutex_);
  const Surroundings surroundings(context);
  for (std::size_t order = 0; order < RecallSegment::kOrders.size(); ++order) {
    walk(order, context, [&](const Place& place) {
      const std::int32_t* last = place.in.at(place.at);
      const auto distance =
          static_cast<std::uint32_t>(place.newer + place.in.size() - 1 - place.at);
      matches.push_back(
          {last[1], place.length, surroundings.weight(last), alignment(context, last), distance});
    });
  }
}

std::vector<TokenFact> Recall::facts(std::span<const std::int32_t> tokens) const {
  check_token_ids(tokens, vocab_size_, "facts: tokens");
  std::vector<TokenFact> out(tokens.size());
  if (!facts_) return out;
  const std::shared_lock lock(mutex_);
  std::transform(tokens.begin(), tokens.end(), out.begin(),
                 [&](std::int32_t token) { return facts_->of(token); });
  return out;
}

Recall::Continuation Recall::continuation(std::span<const std::int32_t> context,
                                          std::size_t most) const {
  check_token_ids(context, vocab_size_, "continuation: context");
  const std::shared_lock lock(mutex_);
  Continuation out;
  std::span<const std::int32_t> following;
  walk(0, context, [&](const Place& place) {
    if (place.length <= out.length) return;
    out.length = place.length;
    following = place.in.following(place.at, most);
  });
  out.tokens.assign(following.begin(), following.end());
  return out;
}

}  // namespace stateline::engine
