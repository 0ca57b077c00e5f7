// A GPU: whether it can be used, its one stream, its memory. All that is asked of it goes through
// the stream, so it happens in the order of the calls.
#pragma once

#include <cstddef>
#include <string>

#include "cuda/failure.h"
#include "cuda/library.h"

namespace stateline::cuda {

struct Gpu {
 public:
  // Throws Failure: no driver, one that is too old, no such device, one that is too old.
  explicit Gpu(int index);
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  const std::string& name() const { return name_; }
  cudaStream_t stream() const { return stream_; }
  // CUDA's calls are meant for the calling thread's device.
  void make_current() const { check(cudaSetDevice(index_)); }

  // Nothing written yet; null for no bytes. When memory is short, what earlier releases left is
  // given up and the call tried once more.
  std::byte* allocate(std::size_t bytes);
  void release(std::byte* memory) noexcept;
  void zero(std::byte* memory, std::size_t bytes);
  void copy(std::byte* to, const std::byte* from, std::size_t bytes);
  void write(std::byte* to, const std::byte* from, std::size_t bytes);
  void read(std::byte* to, const std::byte* from, std::size_t bytes);
  // Waits for all that was asked, and throws what went wrong in it.
  void finish();

 private:
  int index_;
  std::string name_;
  cudaMemPool_t pool_ = nullptr;
  cudaStream_t stream_ = nullptr;
};

// An array in a GPU's memory, nothing written yet.
template <class T>
class Array {
 public:
  Array() = default;
  Array(Gpu& gpu, std::size_t count)
      : gpu_(&gpu), data_(count ? gpu.allocate(count * sizeof(T)) : nullptr), count_(count) {}
  Array(Gpu& gpu, const T* values, std::size_t count) : Array(gpu, count) {
    if (count) gpu.write(data_, reinterpret_cast<const std::byte*>(values), count * sizeof(T));
  }
  ~Array() {
    if (data_) gpu_->release(data_);
  }
  Array(Array&& other) noexcept { swap(other); }
  Array& operator=(Array&& other) noexcept {
    swap(other);
    return *this;
  }

  T* data() const { return reinterpret_cast<T*>(data_); }
  std::size_t count() const { return count_; }

 private:
  void swap(Array& other) noexcept {
    std::swap(gpu_, other.gpu_);
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
  }

  Gpu* gpu_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace stateline::cuda
