// Memory of a real GPU, for the same tests as those of the emulator.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace stateline::kernels::cuda::testing {

template <class T>
class DeviceBuffer {
 public:
  // Filled with NaN: a kernel that reads it first shows in its results.
  DeviceBuffer(const std::string&, size_t count) : count_(count) {
    check(cudaMalloc(&data_, bytes() + 1));
    check(cudaMemset(data_, 0xff, bytes()));
  }
  DeviceBuffer(const std::string& name, const std::vector<T>& values)
      : DeviceBuffer(name, values.size()) {
    check(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice));
  }
  ~DeviceBuffer() { cudaFree(data_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  T* data() { return data_; }
  size_t size() const { return count_; }
  // Waits for the kernels.
  std::vector<T> values() const {
    std::vector<T> values(count_);
    check(cudaDeviceSynchronize());
    check(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  static void check(cudaError_t error) {
    if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
  }
  size_t bytes() const { return count_ * sizeof(T); }

  size_t count_;
  T* data_ = nullptr;
};

}  // namespace stateline::kernels::cuda::testing
