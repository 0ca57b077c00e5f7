#include "engine/recollection.h"

#include <algorithm>
#include <utility>

namespace stateline::engine {
namespace {

// Tokens of a match from which its continuation is worth verifying: shorter ones are often wrong.
constexpr std::uint32_t kLeastDraftMatch = 8;

}  // namespace

Recollection::Recollection(const RecallWeights& weights, std::shared_ptr<const Recall> memory,
                           std::vector<std::int32_t> context, std::size_t more,
                           std::size_t vocab_size)
    : weights_(weights),
      memory_(std::move(memory)),
      context_(std::move(context)),
      own_(context_.size() + more + 1, vocab_size) {
  own_.append(context_);
}

void Recollection::push(std::int32_t token) {
  context_.push_back(token);
  own_.push(token);
}

std::span<const std::int32_t> Recollection::recent() const {
  const std::span<const std::int32_t> all(context_);
  return all.last(std::min(all.size(), Recall::kSurroundings + 1));
}

std::vector<std::int32_t> Recollection::draft(std::size_t most) const {
  Recall::Continuation best = own_.continuation(recent(), most);
  if (memory_) {
    Recall::Continuation shared = memory_->continuation(recent(), most);
    if (shared.length > best.length) best = std::move(shared);
  }
  if (best.length < kLeastDraftMatch) return {};
  return std::move(best.tokens);
}

Recalled Recollection::next(std::span<const float> logits, float log_norm) {
  return after(recent(), logits, log_norm);
}

Recalled Recollection::after(std::span<const std::int32_t> end, std::span<const float> logits,
                             float log_norm) {
  from_repository_.clear();
  from_context_.clear();
  if (memory_) memory_->find(end, from_repository_);
  own_.find(end, from_context_);
  const Found found{from_repository_, from_context_, memory_.get(), end.empty() ? 0 : end.back()};
  return recalled(weights_, found, logits, log_norm);
}

}  // namespace stateline::engine
