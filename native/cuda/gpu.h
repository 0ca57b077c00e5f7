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

}  // namespace stateline::cuda
