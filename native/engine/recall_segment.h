// A part of exact memory: whole texts in the order in which they were appended, indexed by hash
// chains as in LZ77. Whoever holds it takes care of threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace stateline::engine {

class RecallSegment {
 public:
  using TextId = std::uint32_t;
  static constexpr std::size_t kLongest = 32;  // tokens of a match that are counted
  static constexpr std::int32_t kNone = -1;    // before each text, and where one was forgotten

  // Matches of `order` to `longest` tokens are looked for by the hash of the last `order`, among
  // the newest `walked` places of that hash.
  struct Order {
    std::size_t order, longest, walked;
  };
  // The longest first. Single tokens are frequent, so more of their places are looked at.
  static constexpr std::array<Order, 3> kOrders = {{{5, kLongest, 64}, {2, 4, 64}, {1, 1, 256}}};

  // Built for so many places; it may outgrow them, and is then slower.
  explicit RecallSegment(std::size_t places);

  // Ids ascend.
  void begin_text(TextId id);
  // Continues the newest text. Throws std::bad_alloc and is then as before.
  void add(std::int32_t token);
  // Takes the text out of all chains: those who search do not meet it any more. False: not here.
  bool forget(TextId id);
  // Appends the texts of `other`, which are newer.
  void add_all(const RecallSegment& other);

  // Places are tokens and the marks before texts.
  std::size_t size() const { return tokens_.size(); }
  std::size_t living() const { return living_; }
  bool has_room_for(std::size_t places) const { return size() + places <= places_; }
  bool is_crowded() const { return size() > 2 * places_; }
  std::optional<TextId> oldest_text() const;
  std::optional<TextId> newest_text() const;
  std::vector<TextId> texts() const;  // the oldest first
  // Empty if the text is not here.
  std::span<const std::int32_t> tokens_of(TextId id) const;
  std::size_t bytes() const;

  // Calls visit(place, length) for each match of one of kOrders, newest first, while `walks`, the
  // number of places that may still be looked at, lasts.
  template <typename Visit>
  void walk(std::size_t order, std::span<const std::int32_t> context, std::size_t& walks,
            const Visit& visit) const;
  // The last token of a match. What follows it is of the same text; tokens before it can be read
  // back to a kNone.
  const std::int32_t* at(std::size_t place) const { return &tokens_[place]; }
  // Up to `most` tokens of the text behind a match.
  std::span<const std::int32_t> following(std::size_t place, std::size_t most) const;

 private:
  static constexpr std::uint32_t kNowhere = 0xffffffff;
  struct Text {
    TextId id;
    std::size_t begin, end;
  };
  // The newest place by hash, and before each place the next older one.
  struct Chains {
    std::vector<std::uint32_t> newest, older;
  };

  static std::size_t hash_of(const std::int32_t* last, std::size_t order, std::size_t table);
  std::uint32_t& newest_of(std::size_t order, const std::int32_t* last);
  void make_room();
  void push_place(std::int32_t token);
  void index(std::size_t place);
  void unlink(std::size_t order, const Text& text);
  std::vector<Text>::const_iterator find_text(TextId id) const;

  std::size_t places_;
  std::size_t living_ = 0;
  std::vector<std::int32_t> tokens_;
  std::vector<Text> texts_;  // by begin, and by id
  std::array<Chains, kOrders.size()> chains_;
};

template <typename Visit>
void RecallSegment::walk(std::size_t order, std::span<const std::int32_t> context,
                         std::size_t& walks, const Visit& visit) const {
  const auto& [shortest, longest, walked] = kOrders[order];
  if (context.size() < shortest || size() == 0) return;
  const Chains& chains = chains_[order];
  const std::int32_t* last = &context.back();
  const std::size_t most = std::min(context.size(), kLongest);
  std::uint32_t place = chains.newest[hash_of(last, shortest, chains.newest.size())];
  for (; place != kNowhere && walks > 0; --walks, place = chains.older[place]) {
    std::size_t length = 0;
    // A text begins after a kNone, which no context holds.
    while (length < most && tokens_[place - length] == *(last - length)) ++length;
    // What is longer stands in the other chains.
    if (length >= shortest && length <= longest) visit(place, static_cast<std::uint32_t>(length));
  }
}

}  // namespace stateline::engine
