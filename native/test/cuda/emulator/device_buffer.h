// Memory of the emulated device with exact bounds, for tests.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "memory.h"

namespace stateline::kernels::cuda::testing {

using emulator::Memory;
using emulator::Region;

template <class T>
class DeviceBuffer {
 public:
  // Nothing written yet: a kernel that reads it first is at fault.
  DeviceBuffer(const std::string& name, size_t count)
      : count_(count), data_(new (std::align_val_t{kAlignment}) std::byte[bytes() + 1]) {
    std::memset(data_.get(), 0xff, bytes());
    Memory& memory = Memory::device();
    if (count) memory.names.insert(name);
    const bool shortened = count && memory.shortened == name;
    region_ = &memory.add(name, data_.get(), bytes() - (shortened ? sizeof(T) : 0));
  }
  DeviceBuffer(const std::string& name, const std::vector<T>& values)
      : DeviceBuffer(name, values.size()) {
    if (count_) std::memcpy(data_.get(), values.data(), bytes());
    region_->set_written(true);
  }
  ~DeviceBuffer() { Memory::device().remove(data_.get()); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  T* data() { return reinterpret_cast<T*>(data_.get()); }
  size_t size() const { return count_; }
  std::vector<T> values() const {
    std::vector<T> values(count_);
    if (count_) std::memcpy(values.data(), data_.get(), bytes());
    return values;
  }

 private:
  static constexpr size_t kAlignment = 256;  // as cudaMalloc gives
  struct Free {
    void operator()(std::byte* memory) const {
      ::operator delete[](memory, std::align_val_t{kAlignment});
    }
  };
  size_t bytes() const { return count_ * sizeof(T); }

  size_t count_;
  std::unique_ptr<std::byte[], Free> data_;
  Region* region_;
};

}  // namespace stateline::kernels::cuda::testing
