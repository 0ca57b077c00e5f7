// One run of a network over the next tokens of some texts, and its operations that touch what those
// texts remember. The weights are streamed once, whatever is read: many tokens of one text, or one
// token of each of many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "models/memory_layout.h"
#include "models/ops.h"
#include "models/plan.h"

namespace stateline::models {

// What a text remembers, on the device; read and left as after the pass.
struct TextMemory {
  const float* recurrent;    // matrices before the pass; see MemoryLayout
  float* next_recurrent;     // after it, or after the last page that it fills; may be the same
  const float* conv_before;  // what the convolutions read last
  float* conv_after;         // may be the same on the processor
  std::byte* const* pages;   // a table where the device reads it, with room for the tokens
  std::size_t page_count;
  std::uint64_t first_position;  // of pages[0]
  std::uint64_t position;        // of the first token that is read now

  // Where tokens are logged: `logged` of them since `recurrent`, in logs[0]. logs[i] takes those of
  // the i-th page from there; null: nobody asks for a state inside it, and the matrices go through
  // it directly.
  std::span<std::byte* const> logs = {};
  std::size_t logged = 0;
};

// A memory to fill on the way. Its pages and its log are the text's own.
struct Checkpoint {
  std::size_t tokens;  // of those that the pass reads
  float* recurrent;    // where logged: of the last full page; null: that of an earlier checkpoint
  float* conv;
};

struct Text {
  std::size_t first, tokens;  // rows of the pass
  TextMemory memory;
  std::span<const Checkpoint> checkpoints = {};  // ascending
};

class Pass {
 public:
  struct Job {
    std::span<const std::int32_t> tokens;
    std::span<const Text> texts;
    std::span<const std::size_t> wanted;  // rows that the last layer finishes, ascending
    std::size_t state_heads;
    std::uint64_t window;  // that attention sees; 0 = all
  };

  // `scratch` [plan.scratch()]: rows for all tokens. Everything is borrowed.
  Pass(Ops& ops, const Plan& plan, const MemoryLayout& layout, std::span<const Rows> scratch,
       const Job& job)
      : ops_(ops), plan_(plan), layout_(layout), scratch_(scratch), job_(job) {}

  Ops& ops() const { return ops_; }
  std::span<const std::int32_t> tokens() const { return job_.tokens; }
  std::size_t rows() const { return job_.tokens.size(); }
  std::size_t state_heads() const { return job_.state_heads; }
  Rows operator[](Scratch scratch) const { return scratch_[scratch.index]; }
  Rows stream() const { return (*this)[plan_.stream]; }

  // Every row passes the mixers' memories; those that nobody wants then stop. The first row of a
  // layer that is wanted further:
  std::size_t first_wanted(std::size_t layer) const {
    return layer + 1 == layout_.layers().size() ? job_.wanted.front() : 0;
  }
  // After the last layer's mixer: moves the rows that are wanted to the beginning, of the stream
  // and of what was mixed. The number of rows from there on; in other layers all.
  std::size_t keep_wanted(std::size_t layer,
                          std::initializer_list<std::pair<Rows, std::size_t>> rows_of_width) const;
  // What ends a mixer or a feed-forward layer: stream += scale * x W^T + bias, of the first rows.
  void add_to_stream(Matrix W, std::optional<Vector> bias, std::size_t rows, Rows x,
                     float scale = 1) const;

  // Each text's own rows.
  void rotate(RotateOp op) const;
  void convolve(std::size_t layer, Vector weight, std::optional<Vector> bias, Rows x, Rows y) const;
  void recur(std::size_t layer, const StateHeads& heads) const;
  // Rows before first_wanted(layer) are remembered and look for nothing.
  void attend(std::size_t layer, const AttendingHeads& heads) const;

 private:
  void recur_through(std::size_t layer, const Text& text, const StateHeads& heads) const;
  void recur_logged(std::size_t layer, const Text& text, const StateHeads& heads) const;
  void keep_conv(const Text& text, const Checkpoint& checkpoint, std::size_t layer, Rows x) const;

  Ops& ops_;
  const Plan& plan_;
  const MemoryLayout& layout_;
  std::span<const Rows> scratch_;
  Job job_;
};

// A layer's only mixer, of normalised rows x, into the stream. The number of its rows from there
// on.
template <class Mixer>
std::size_t mix_into_stream(const Pass& pass, std::size_t layer, const Mixer& mixer,
                            const typename Mixer::Layer& w, Rows x) {
  mixer.mix(pass, layer, w, x);
  const std::size_t rows = pass.keep_wanted(layer, {mixer.mixed(pass)});
  mixer.project(pass, w, rows);
  return rows;
}

}  // namespace stateline::models
