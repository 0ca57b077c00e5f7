// Memory of states: aligned for SIMD, zeroed, and counted, so that JavaScript's collector can be
// told.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
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

class Buffer {
 public:
  Buffer(std::size_t bytes, std::shared_ptr<MemoryMeter> meter)
      : size_(bytes), meter_(std::move(meter)), data_(allocate(bytes)) {
    std::memset(data_.get(), 0, size_);
    if (meter_) meter_->add(size_);
  }
  ~Buffer() {
    if (meter_ && data_) meter_->remove(size_);
  }
  Buffer(Buffer&&) = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // Explicit, to make the cost explicit.
  Buffer copy() const {
    Buffer twin(size_, meter_);
    std::memcpy(twin.data_.get(), data_.get(), size_);
    return twin;
  }

  std::size_t size() const { return size_; }
  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  std::span<std::byte> bytes() { return {data_.get(), size_}; }
  std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  float* floats() { return reinterpret_cast<float*>(data_.get()); }
  const float* floats() const { return reinterpret_cast<const float*>(data_.get()); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  static std::unique_ptr<std::byte, Free> allocate(std::size_t bytes) {
    return {static_cast<std::byte*>(::operator new(bytes, kAlignment)), Free{}};
  }

  std::size_t size_;
  std::shared_ptr<MemoryMeter> meter_;
  std::unique_ptr<std::byte, Free> data_;
};

}  // namespace stateline::engine
