#include "cuda/gpu.h"

#include <cstdint>

namespace stateline::cuda {
namespace {

constexpr int kOldestMajor = 8;  // Ampere: the first with tensor cores for bf16
// Freed memory that is kept for the next state instead of being given back to the driver.
constexpr std::uint64_t kKeptBytes = std::uint64_t{256} << 20;

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// CUDA gives the same error for no driver and for one that is too old.
[[noreturn]] void refuse_driver() {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
    throw Failure("No NVIDIA driver answers on this machine; install one to use its GPU.");
  throw Failure("The NVIDIA driver is too old (for CUDA " + version_text(driver) + ", and " +
                version_text(CUDART_VERSION) + " is needed); update it to use the GPU.");
}

int count_gpus() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver) refuse_driver();
  if (error == cudaErrorNoDevice) return 0;
  check(error);
  return count;
}

void check_index(int index) {
  const int count = count_gpus();
  if (index < count) return;
  if (count == 0) throw Failure("The NVIDIA driver finds no GPU on this machine.");
  throw Failure("There is no GPU number " + std::to_string(index) + "; this machine has " +
                std::to_string(count) + ", numbered from 0.");
}

std::string usable_name(int index) {
  cudaDeviceProp facts;
  check(cudaGetDeviceProperties(&facts, index));
  if (facts.major >= kOldestMajor) return facts.name;
  throw Failure("The GPU " + std::string(facts.name) + " is too old (compute capability " +
                std::to_string(facts.major) + "." + std::to_string(facts.minor) +
                "); the engine needs 8.0 (Ampere) or newer.");
}

}  // namespace

Gpu::Gpu(int index) : index_(index) {
  check_index(index);
  name_ = usable_name(index);
  make_current();
  check(cudaDeviceGetDefaultMemPool(&pool_, index));
  std::uint64_t kept = kKeptBytes;
  check(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &kept));
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
}

Gpu::~Gpu() {
  cudaSetDevice(index_);
  cudaStreamDestroy(stream_);
}

std::byte* Gpu::allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  cudaError_t error = cudaMallocAsync(&memory, bytes, stream_);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // it was seen
    finish();
    check(cudaMemPoolTrimTo(pool_, 0));
    error = cudaMallocAsync(&memory, bytes, stream_);
  }
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw Failure("The memory of the GPU " + name_ +
                  " is full; close other programs that use it, or set a higher hybrid ratio or a "
                  "smaller attention window.");
  }
  check(error);
  return static_cast<std::byte*>(memory);
}

void Gpu::release(std::byte* memory) noexcept {
  cudaSetDevice(index_);
  cudaFreeAsync(memory, stream_);
}

void Gpu::zero(std::byte* memory, std::size_t bytes) {
  if (bytes > 0) check(cudaMemsetAsync(memory, 0, bytes, stream_));
}

void Gpu::copy(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_));
}

// From ordinary memory, which CUDA has read when the call returns.
void Gpu::write(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_));
}

void Gpu::read(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_));
  finish();
}

void Gpu::finish() {
  check(cudaStreamSynchronize(stream_));
  check(cudaGetLastError());
}

}  // namespace stateline::cuda
