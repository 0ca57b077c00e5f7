// Exact memory for one request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/mixture.h"
#include "engine/recall.h"

namespace stateline::engine {

// What a request recalls: from a shared memory and from its own context, which is remembered like a
// text as it grows.
class Recollection {
 public:
  // `memory` may be null, `weights` are borrowed. Room for `more` tokens beyond the context. Ids
  // are below vocab_size.
  Recollection(const RecallWeights& weights, std::shared_ptr<const Recall> memory,
               std::vector<std::int32_t> context, std::size_t more, std::size_t vocab_size);

  void push(std::int32_t token);
  // Tokens that are likely to follow, at most so many; none where no long match is.
  std::vector<std::int32_t> draft(std::size_t most) const;
  // Given the model's logits [vocab] for the next token, and their log-sum-exp.
  Recalled next(std::span<const float> logits, float log_norm);
  // As if the context ended with `end`, which is then not remembered itself.
  Recalled after(std::span<const std::int32_t> end, std::span<const float> logits, float log_norm);

 private:
  // As much of the context's end as is looked at.
  std::span<const std::int32_t> recent() const;

  const RecallWeights& weights_;
  std::shared_ptr<const Recall> memory_;
  std::vector<std::int32_t> context_;
  Recall own_;
  std::vector<Match> from_repository_, from_context_;  // scratch
};

}  // namespace stateline::engine
