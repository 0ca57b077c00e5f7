// Memory of states that are done with, kept for the next ones: a state comes and goes with each
// token, and pages that went back to the system in between would have to be mapped and cleared
// anew, which takes as long as the token.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>

namespace stateline::engine {

class FreeBlocks {
 public:
  // Some forty states of the embedded model and their pages.
  static constexpr std::size_t kMostBytes = std::size_t{24} << 20;

  FreeBlocks() = default;
  ~FreeBlocks();
  FreeBlocks(const FreeBlocks&) = delete;
  FreeBlocks& operator=(const FreeBlocks&) = delete;

  // Aligned to 64 bytes; holds whatever it held. Throws std::bad_alloc.
  std::byte* take(std::size_t bytes);
  void give(std::byte* block) noexcept;

 private:
  std::mutex mutex_;
  std::map<std::size_t, std::byte*> first_;  // of each size; a block's header names the next
  std::size_t held_ = 0;                     // bytes in them
};

}  // namespace stateline::engine
