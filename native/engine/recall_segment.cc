#include "engine/recall_segment.h"

#include <algorithm>
#include <bit>

namespace stateline::engine {

RecallSegment::RecallSegment(std::size_t places) : places_(std::max<std::size_t>(places, 2)) {
  const std::size_t table = std::bit_floor(places_);
  // Single tokens are few, so their table is small.
  constexpr std::size_t kSmall = 1 << 14;
  for (std::size_t i = 0; i < kOrders.size(); ++i) {
    chains_[i].newest.assign(kOrders[i].order == 1 ? std::min(table, kSmall) : table, kNowhere);
    chains_[i].older.reserve(places_);
  }
  tokens_.reserve(places_);
}

void RecallSegment::begin_text(TextId id) {
  make_room();
  texts_.push_back({id, size() + 1, size() + 1});
  push_place(kNone);
}

void RecallSegment::add(std::int32_t token) {
  make_room();
  push_place(token);
  Text& text = texts_.back();
  text.end = size();
  // The place before is worth finding now that something follows it.
  if (text.end - text.begin >= 2) index(text.end - 2);
}

// For one more place. All that may throw is here, so that no list is ever longer than another.
void RecallSegment::make_room() {
  if (size() < tokens_.capacity()) return;
  for (Chains& chains : chains_) chains.older.reserve(2 * size());
  tokens_.reserve(2 * size());
}

void RecallSegment::push_place(std::int32_t token) {
  tokens_.push_back(token);
  for (Chains& chains : chains_) chains.older.push_back(kNowhere);
  ++living_;
}

void RecallSegment::index(std::size_t place) {
  for (std::size_t i = 0; i < kOrders.size(); ++i) {
    if (place + 1 < texts_.back().begin + kOrders[i].order) continue;
    std::uint32_t& newest = newest_of(i, &tokens_[place]);
    chains_[i].older[place] = newest;
    newest = static_cast<std::uint32_t>(place);
  }
}

bool RecallSegment::forget(TextId id) {
  const auto found = find_text(id);
  if (found == texts_.end()) return false;
  const Text text = *found;
  for (std::size_t i = 0; i < kOrders.size(); ++i) unlink(i, text);
  std::fill(tokens_.begin() + static_cast<std::ptrdiff_t>(text.begin),
            tokens_.begin() + static_cast<std::ptrdiff_t>(text.end), kNone);
  living_ -= text.end - text.begin + 1;
  texts_.erase(found);
  // What was forgotten at the end is free at once.
  const std::size_t end = texts_.empty() ? 0 : texts_.back().end;
  tokens_.resize(end);
  for (Chains& chains : chains_) chains.older.resize(end);
  return true;
}

// Each chain that the text is in is walked once, down to the text; its newer places cost as much as
// they are many, so all chains together no more than the segment is long.
void RecallSegment::unlink(std::size_t order, const Text& text) {
  std::vector<std::uint32_t>& older = chains_[order].older;
  for (std::size_t place = text.begin + kOrders[order].order - 1; place + 1 < text.end; ++place) {
    if (older[place] == place) continue;  // taken out with another of its chain
    std::uint32_t* link = &newest_of(order, &tokens_[place]);
    while (*link != kNowhere && *link >= text.begin) {
      const std::uint32_t at = *link;
      if (at < text.end) {
        *link = older[at];
        older[at] = at;
      } else {
        link = &older[at];
      }
    }
  }
}

void RecallSegment::add_all(const RecallSegment& other) {
  for (const Text& text : other.texts_) {
    begin_text(text.id);
    for (std::size_t i = text.begin; i < text.end; ++i) add(other.tokens_[i]);
  }
}

std::optional<RecallSegment::TextId> RecallSegment::oldest_text() const {
  if (texts_.empty()) return std::nullopt;
  return texts_.front().id;
}

std::optional<RecallSegment::TextId> RecallSegment::newest_text() const {
  if (texts_.empty()) return std::nullopt;
  return texts_.back().id;
}

std::vector<RecallSegment::TextId> RecallSegment::texts() const {
  std::vector<TextId> ids;
  ids.reserve(texts_.size());
  for (const Text& text : texts_) ids.push_back(text.id);
  return ids;
}

std::span<const std::int32_t> RecallSegment::tokens_of(TextId id) const {
  const auto found = find_text(id);
  if (found == texts_.end()) return {};
  return std::span(tokens_).subspan(found->begin, found->end - found->begin);
}

std::span<const std::int32_t> RecallSegment::following(std::size_t place, std::size_t most) const {
  const auto after =
      std::upper_bound(texts_.begin(), texts_.end(), place,
                       [](std::size_t at, const Text& text) { return at < text.end; });
  return std::span(tokens_).subspan(place + 1, std::min(most, after->end - place - 1));
}

std::size_t RecallSegment::bytes() const {
  std::size_t count = tokens_.capacity();
  for (const Chains& chains : chains_) count += chains.newest.size() + chains.older.capacity();
  return sizeof(std::uint32_t) * count + sizeof(Text) * texts_.capacity();
}

// FNV-1a over whole tokens, then a product whose middle depends on all bits (Knuth, multiplicative
// hashing): FNV alone leaves the last token's in the highest and lowest.
std::size_t RecallSegment::hash_of(const std::int32_t* last, std::size_t order, std::size_t table) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (std::size_t i = 0; i < order; ++i)
    hash = (hash ^ static_cast<std::uint32_t>(*(last - i))) * 1099511628211ULL;
  return static_cast<std::size_t>(hash * 0x9E3779B97F4A7C15ULL >> 32) & (table - 1);
}

std::uint32_t& RecallSegment::newest_of(std::size_t order, const std::int32_t* last) {
  std::vector<std::uint32_t>& newest = chains_[order].newest;
  return newest[hash_of(last, kOrders[order].order, newest.size())];
}

std::vector<RecallSegment::Text>::const_iterator RecallSegment::find_text(TextId id) const {
  const auto found =
      std::lower_bound(texts_.begin(), texts_.end(), id,
                       [](const Text& text, TextId wanted) { return text.id < wanted; });
  return found != texts_.end() && found->id == id ? found : texts_.end();
}

}  // namespace stateline::engine
