#include "engine/token_facts.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "formats/error.h"

namespace stateline::engine {

TokenFacts::TokenFacts(std::vector<std::uint8_t> kinds)
    : kinds_(std::move(kinds)), counts_(kinds_.size()) {
  const auto bad =
      std::find_if(kinds_.begin(), kinds_.end(), [](std::uint8_t kind) { return kind >= kKinds; });
  if (bad != kinds_.end())
    throw Error(ErrorCode::kInvalidArgument, "token kinds: " + std::to_string(*bad) +
                                                 " is none; they are below " +
                                                 std::to_string(kKinds) + ".");
}

void TokenFacts::add(std::int32_t token) {
  ++counts_[static_cast<std::size_t>(token)];
  ++total_;
}

void TokenFacts::remove(std::span<const std::int32_t> tokens) {
  for (const std::int32_t token : tokens) --counts_[static_cast<std::size_t>(token)];
  total_ -= tokens.size();
}

// As if each token had been seen once more (Laplace), so that none has no share.
TokenFact TokenFacts::of(std::int32_t token) const {
  const auto at = static_cast<std::size_t>(token);
  const double share = (counts_[at] + 1.0) / static_cast<double>(total_ + counts_.size());
  return {kinds_[at], static_cast<float>(std::log(share))};
}

std::size_t TokenFacts::bytes() const {
  return kinds_.size() * sizeof(kinds_[0]) + counts_.size() * sizeof(counts_[0]);
}

}  // namespace stateline::engine
