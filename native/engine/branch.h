// The mutable successor of a state, private to one job: the forward pass writes into it, and
// freeze() makes a state of it. Pages are shared with the states it came from until they are
// written.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/state.h"
#include "models/pass.h"

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

  // Makes room for the next `tokens` tokens: matrices, pages and logs exist that this branch may
  // write. Drops pages that the next token can no longer see. `checkpoints`: ascending counts of
  // the tokens after which a memory is kept.
  void open(std::size_t tokens, std::span<const std::size_t> checkpoints = {});
  // Until close(): what the pass reads and writes, and the checkpoints that it fills.
  models::Text text(std::size_t first_row);
  // Counts the tokens as read, after the pass wrote them. The memories after the checkpoints, whose
  // hidden vectors are left to the caller; their pages are the branch's own, with places for later
  // tokens that no reader of them looks at.
  std::vector<Memory> close();

  const StateShape& shape() const { return shape_; }
  std::uint64_t token_count() const { return memory_.tokens; }

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
  void open_pages(std::size_t tokens);
  void open_matrices();
  void open_logs(std::size_t tokens);
  Memory checkpoint(std::size_t tokens);
  std::shared_ptr<Buffer> new_matrices() const;

  const Model& model_;
  StateShape shape_;
  Memory memory_;
  std::uint64_t first_page_ = 0;       // number of memory_.pages[0]
  bool last_page_shared_ = false;      // with a state: copy it before writing
  std::vector<std::byte*> page_data_;  // of memory_.pages
  std::vector<std::shared_ptr<KvPage>> spare_pages_;

  // Of the pass that is open.
  std::size_t opened_ = 0;                      // tokens
  std::shared_ptr<Buffer> next_recurrent_;      // may be that of memory_
  std::vector<std::shared_ptr<LogPage>> logs_;  // from that of memory_.log on; null: not logged
  std::vector<std::byte*> log_data_;            // of logs_
  std::vector<Memory> kept_;
  std::vector<models::Checkpoint> checkpoints_;
};

}  // namespace stateline::engine
