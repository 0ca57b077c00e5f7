// Memory of states that are done with, kept for the next ones: a state comes and goes with each
// token, and pages that went back to the system in between would have to be mapped and cleared
// anew, which takes as long as the token. Along a text that is read anew some twenty states are
// kept, and those of the text before it are just done with.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>

namespace stateline::engine {

class FreeBlocks {
 public:
  // So many of the largest blocks are kept, or as many small ones: some forty states of the
  // embedded model and their pages. Bytes.
  static constexpr std::size_t kLargest = 16, kLeast = std::size_t{24} << 20,
                               kMost = std::size_t{512} << 20;

  FreeBlocks() = default;
  ~FreeBlocks();
  FreeBlocks(const FreeBlocks&) = delete;
  FreeBlocks& operator=(const FreeBlocks&) = delete;

  // Aligned to 64 bytes; holds whatever it held. Throws std::bad_alloc.
  std::byte* take(std::size_t bytes);
  void give(std::byte* block) noexcept;
  // That are kept.
  std::size_t bytes() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::size_t, std::byte*> first_;  // of each size; a block's header names the next
  std::size_t held_ = 0;                     // bytes in them
  std::size_t largest_ = 0;                  // bytes of a block so far
};

}  // namespace stateline::engine
