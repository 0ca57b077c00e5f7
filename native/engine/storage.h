// Where the memory of states lies: in main memory, or on a GPU.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>

namespace stateline::engine {

// Bytes that a model's states hold at this moment; pages shared by many states count once.
class MemoryMeter {
 public:
  void add(std::size_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  void remove(std::size_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> bytes_{0};
};

// Its functions may be called by any thread, and take effect in the order of the calls. They throw
// std::bad_alloc, or Error(kDevice) if a GPU fails.
class Storage {
 public:
  virtual ~Storage() = default;

  // Zeroed, and aligned for whoever computes there.
  virtual std::byte* allocate(std::size_t bytes) = 0;
  virtual void release(std::byte* memory) noexcept = 0;
  // Both places are in the storage.
  virtual void copy(std::byte* to, const std::byte* from, std::size_t bytes) = 0;
  // From and to main memory.
  virtual void write(std::byte* to, std::span<const std::byte> from) = 0;
  virtual void read(std::span<std::byte> to, const std::byte* from) = 0;

  // Counts the buffers that are alive here.
  MemoryMeter& meter() { return meter_; }

 private:
  MemoryMeter meter_;
};

}  // namespace stateline::engine
