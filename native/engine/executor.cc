#include "engine/executor.h"

#include <array>

namespace stateline::engine {

std::vector<StatePtr> Executor::advance_through(Branch& branch,
                                                std::span<const std::int32_t> tokens,
                                                std::span<const std::size_t> checkpoints) {
  std::vector<StatePtr> states;
  std::size_t position = 0;
  for (const std::size_t checkpoint : checkpoints) {
    advance(branch, tokens.subspan(position, checkpoint - position));
    position = checkpoint;
    states.push_back(branch.freeze());
  }
  if (position < tokens.size()) advance(branch, tokens.subspan(position));
  return states;
}

void Executor::step(std::span<Branch* const> branches, std::span<const std::int32_t> tokens) {
  for (std::size_t i = 0; i < branches.size(); ++i) advance(*branches[i], tokens.subspan(i, 1));
}

void Executor::logits(const Buffer& hidden, float* out) {
  const std::array<const Buffer*, 1> one{&hidden};
  logits(one, out);
}

}  // namespace stateline::engine
