// A state: the model's immutable memory after some tokens. Constant in size for heads in state
// mode; heads in attention mode add pages of keys and values, shared between states, dropped behind
// the window.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/buffer.h"
#include "engine/log_page.h"
#include "engine/model.h"

namespace stateline::engine {

// What a state's memory looks like; fixed when the first state is made.
struct StateShape {
  std::shared_ptr<const models::MemoryLayout> layout;
  std::size_t state_heads = 0;  // in state mode; the rest of those that can be either attend
  std::size_t hidden_size = 0;  // d
  std::uint64_t window = 0;     // tokens that attention sees; 0 = all

  // Throws Error(kInvalidArgument) if the model has fewer heads than `state_heads`.
  static StateShape of(const Model& model, std::size_t state_heads, std::uint64_t window);

  std::size_t recurrent_bytes() const { return layout->recurrent_floats() * sizeof(float); }
  std::size_t conv_bytes() const { return layout->conv_floats() * sizeof(float); }
  std::size_t page_bytes() const { return layout->page_bytes(); }

  // Pages are numbered by position / 32. The first that a token at `position` can still see:
  std::uint64_t first_page(std::uint64_t position) const;
  // How many pages a state after `tokens` tokens holds.
  std::uint64_t page_count(std::uint64_t tokens) const;

  // Of states of one model.
  bool operator==(const StateShape& other) const {
    return state_heads == other.state_heads && window == other.window;
  }
};

// 32 tokens' keys and values: the slots of all layers as the device lays them out.
using KvPage = Buffer;

// The parts of a memory, in one piece so that a state and its mutable successor share the code.
struct Memory {
  std::shared_ptr<Buffer> recurrent;  // matrices; see MemoryLayout. Who shares them only reads them
  LogView log;                        // of the tokens since, where they are logged
  Buffer conv;                        // the convolutions' last inputs
  Buffer hidden;  // [d] last token's residual stream, so that logits need no second run
  std::vector<std::shared_ptr<KvPage>>
      pages;  // [page_count(tokens)], the first is first_page(tokens); what the last one holds of
              // later positions means nothing
  std::uint64_t tokens = 0;

  static Memory zero(const StateShape& shape, const std::shared_ptr<Storage>& storage);
  // Shares matrices, log and pages, copies the rest.
  Memory copy() const { return {recurrent, log, conv.copy(), hidden.copy(), pages, tokens}; }
};

class State {
 public:
  State(const Model& model, const StateShape& shape, Memory memory)
      : model_(model.hash()), device_(model.device()), shape_(shape), memory_(std::move(memory)) {}

  static std::shared_ptr<const State> initial(const Model& model, std::size_t state_heads,
                                              std::uint64_t window);

  const ModelHash& model() const { return model_; }
  const std::shared_ptr<Device>& device() const { return device_; }
  const StateShape& shape() const { return shape_; }
  const Memory& memory() const { return memory_; }
  std::uint64_t token_count() const { return memory_.tokens; }
  std::size_t state_bytes() const {
    return memory_.recurrent->size() + memory_.log.bytes() + memory_.conv.size();
  }
  std::size_t kv_bytes() const { return memory_.pages.size() * shape_.page_bytes(); }

 private:
  ModelHash model_;
  std::shared_ptr<Device> device_;
  StateShape shape_;
  Memory memory_;
};

using StatePtr = std::shared_ptr<const State>;

}  // namespace stateline::engine
