// The mutable successor of a state, private to one job: the forward pass writes into it, and
// freeze() makes a state of it. Pages are shared with the states it came from until they are
// written.
#pragma once

#include <memory>
#include <vector>

#include "engine/state.h"

namespace stateline::engine {

class Branch {
 public:
  Branch(const Model& model, const State& state);

  // Another branch of what was read so far.
  Branch fork();
  // An immutable state of what was read so far; the branch may go on.
  StatePtr freeze();
  // The same from the branch's own memory, which is then gone.
  StatePtr into_state() &&;

  // Allocates now what `tokens` further tokens will need, so that decoding them allocates nothing.
  void reserve(std::size_t tokens);

  // Makes room for the next `tokens` tokens: pages exist and belong to this branch alone. Drops
  // pages that the next token can no longer see.
  void open(std::size_t tokens);
  // Counts them as read, after the forward pass wrote them.
  void close(std::size_t tokens);
  // Between the two: the memory after the first `tokens` of them. Its pages are the branch's own,
  // with places for later tokens that no reader of it looks at; the rest is left to the pass.
  Memory checkpoint(std::size_t tokens);

  const StateShape& shape() const { return shape_; }
  std::uint64_t token_count() const { return memory_.tokens; }

  float* recurrent() { return memory_.recurrent.floats(); }
  float* conv() { return memory_.conv.floats(); }
  Buffer& hidden() { return memory_.hidden; }
  const Buffer& hidden() const { return memory_.hidden; }

  // Page pointers for the attention kernel; the first holds position first_position().
  const std::vector<std::byte*>& page_data() const { return page_data_; }
  std::uint64_t first_position() const { return first_page_ * kernels::kPageTokens; }

 private:
  Branch(const Model& model, const StateShape& shape, Memory memory);

  std::shared_ptr<KvPage> new_page();
  void append_page(std::shared_ptr<KvPage> page);
  void drop_unseen_pages();

  const Model& model_;
  StateShape shape_;
  Memory memory_;
  std::uint64_t first_page_ = 0;       // number of memory_.pages[0]
  bool last_page_shared_ = false;      // with a state: copy it before writing
  std::vector<std::byte*> page_data_;  // of memory_.pages
  std::vector<std::shared_ptr<KvPage>> spare_pages_;
};

}  // namespace stateline::engine
