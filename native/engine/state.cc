#include "engine/state.h"

#include <string>

#include "formats/error.h"

namespace stateline::engine {

StateShape StateShape::of(const Model& model, std::size_t state_heads, std::uint64_t window) {
  const models::Plan& plan = model.plan();
  if (state_heads > plan.heads) {
    throw Error(ErrorCode::kInvalidArgument,
                "initialState: stateHeads is " + std::to_string(state_heads) +
                    ", but the model has " + std::to_string(plan.heads) + " heads; pass 0 to " +
                    std::to_string(plan.heads) + ".");
  }
  return {model.layout(state_heads), state_heads, plan.hidden_size, window};
}

std::uint64_t StateShape::first_page(std::uint64_t position) const {
  if (window == 0 || position < window) return 0;
  return (position - window + 1) / kernels::kPageTokens;
}

std::uint64_t StateShape::page_count(std::uint64_t tokens) const {
  if (page_bytes() == 0) return 0;
  const std::uint64_t end = (tokens + kernels::kPageTokens - 1) / kernels::kPageTokens;
  const std::uint64_t begin = first_page(tokens);
  return end > begin ? end - begin : 0;
}

Memory Memory::zero(const StateShape& shape, const std::shared_ptr<Storage>& storage) {
  return {std::make_shared<Buffer>(shape.recurrent_bytes(), storage),
          {},
          Buffer(shape.conv_bytes(), storage),
          Buffer(shape.hidden_size * sizeof(float), storage),
          {},
          0};
}

std::shared_ptr<const State> State::initial(const Model& model, std::size_t state_heads,
                                            std::uint64_t window) {
  const StateShape shape = StateShape::of(model, state_heads, window);
  return std::make_shared<const State>(model, shape, Memory::zero(shape, model.device()));
}

}  // namespace stateline::engine
