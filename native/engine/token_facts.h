// What is known of a token beside the places where it stood: its kind, and how often it stands in a
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace stateline::engine {

struct TokenFact {
  std::uint8_t kind = 0;  // 0: not known
  float frequency = 0;    // natural logarithm of its share of the memory; 0: not counted
};

// Of all tokens of a vocabulary. Whoever holds it takes care of threads.
class TokenFacts {
 public:
  // Of server/engine/tokenKinds.ts, by what the token's text begins with; the engine knows no
  // texts.
  static constexpr std::size_t kKinds = 7;

  // kinds [vocab]. Throws Error(kInvalidArgument) for kinds that are none.
  explicit TokenFacts(std::vector<std::uint8_t> kinds);

  void add(std::int32_t token);
  void remove(std::span<const std::int32_t> tokens);
  TokenFact of(std::int32_t token) const;
  std::size_t bytes() const;

 private:
  std::vector<std::uint8_t> kinds_;
  std::vector<std::uint32_t> counts_;
  std::size_t total_ = 0;
};

}  // namespace stateline::engine
