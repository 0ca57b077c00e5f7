// A GPU's memory beside that of states: weights, scratch, staging.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "cuda/library.h"
#include "formats/error.h"

namespace stateline::engine {

// What a function of the library answered: null, or what went wrong.
inline void check(const char* sentence) {
  if (sentence != nullptr) throw Error(ErrorCode::kDevice, sentence);
}

// A GPU, and the library that reaches it.
struct CudaGpu {
  const cuda::Library* library = nullptr;
  cuda::Gpu* gpu = nullptr;

  void copy(void* to, const void* from, std::size_t bytes) const {
    check(library->copy(gpu, static_cast<std::byte*>(to), static_cast<const std::byte*>(from),
                        bytes));
  }
  // From main memory, and to it: the latter waits for the GPU.
  template <class T>
  void write(void* to, std::span<const T> from) const {
    check(library->write(gpu, static_cast<std::byte*>(to), std::as_bytes(from).data(),
                         from.size_bytes()));
  }
  template <class T>
  void read(std::span<T> to, const void* from) const {
    check(library->read(gpu, std::as_writable_bytes(to).data(), static_cast<const std::byte*>(from),
                        to.size_bytes()));
  }
  void finish() const { check(library->finish(gpu)); }
};

// An array on a GPU, nothing written yet.
template <class T>
class CudaArray {
 public:
  CudaArray() = default;
  CudaArray(CudaGpu gpu, std::size_t count) : memory_(nullptr, {gpu}), count_(count) {
    std::byte* memory = nullptr;
    check(gpu.library->allocate(gpu.gpu, count * sizeof(T), false, &memory));
    memory_.reset(memory);
  }
  CudaArray(CudaGpu gpu, std::span<const T> values) : CudaArray(gpu, values.size()) {
    gpu.write(data(), values);
  }

  T* data() const { return reinterpret_cast<T*>(memory_.get()); }
  std::size_t count() const { return count_; }

 private:
  struct Release {
    CudaGpu gpu;
    void operator()(std::byte* memory) const { gpu.library->release(gpu.gpu, memory); }
  };
  std::unique_ptr<std::byte, Release> memory_;
  std::size_t count_ = 0;
};

}  // namespace stateline::engine
