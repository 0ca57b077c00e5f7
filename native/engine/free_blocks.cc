#include "engine/free_blocks.h"

#include <algorithm>
#include <new>
#include <utility>

namespace stateline::engine {
namespace {

constexpr std::align_val_t kAlignment{64};  // a cache line, and the widest vector
constexpr std::size_t kHeader = 64;         // before each block, so that the alignment is kept

struct Header {
  std::size_t bytes;
  std::byte* next;  // of its size, where it is free
};

Header& header_of(std::byte* block) { return *reinterpret_cast<Header*>(block - kHeader); }

void free(std::byte* block) { ::operator delete(block - kHeader, kAlignment); }

}  // namespace

FreeBlocks::~FreeBlocks() {
  for (auto& [bytes, block] : first_) {
    while (block != nullptr) free(std::exchange(block, header_of(block).next));
  }
}

std::byte* FreeBlocks::take(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    std::byte*& first = first_[bytes];  // now there is a place to give it back to
    if (first != nullptr) {
      held_ -= bytes;
      return std::exchange(first, header_of(first).next);
    }
  }
  auto* memory = static_cast<std::byte*>(::operator new(kHeader + bytes, kAlignment));
  new (memory) Header{bytes, nullptr};
  return memory + kHeader;
}

void FreeBlocks::give(std::byte* block) noexcept {
  Header& header = header_of(block);
  {
    const std::lock_guard lock(mutex_);
    largest_ = std::max(largest_, header.bytes);
    if (held_ + header.bytes <= std::clamp(kLargest * largest_, kLeast, kMost)) {
      header.next = std::exchange(first_.find(header.bytes)->second, block);
      held_ += header.bytes;
      return;
    }
  }
  free(block);
}

std::size_t FreeBlocks::bytes() const {
  const std::lock_guard lock(mutex_);
  return held_;
}

}  // namespace stateline::engine
