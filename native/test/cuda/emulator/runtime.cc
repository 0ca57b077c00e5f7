#include "runtime.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <string>

#include "execution.h"
#include "memory.h"

namespace stateline::emulator {
namespace {

std::size_t given(const char* name, std::size_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

constexpr std::align_val_t kAlignment{256};  // as cudaMalloc gives

// Bytes by address.
std::map<void*, std::size_t>& allocations() {
  static std::map<void*, std::size_t> all;
  return all;
}

// The bytes in the device's memory, or null.
Region* region_of(const void* address, std::size_t bytes) {
  return Memory::device().find(reinterpret_cast<std::uintptr_t>(address), bytes);
}

}  // namespace

Machine& Machine::get() {
  static Machine machine = [] {
    const auto capability = static_cast<int>(given("STATELINE_EMULATED_CAPABILITY", 80));
    return Machine{static_cast<int>(given("STATELINE_EMULATED_DRIVER", CUDART_VERSION)),
                   static_cast<int>(given("STATELINE_EMULATED_GPUS", 1)), capability / 10,
                   capability % 10, given("STATELINE_EMULATED_MEMORY", SIZE_MAX)};
  }();
  return machine;
}

}  // namespace stateline::emulator

using stateline::emulator::allocations;
using stateline::emulator::Device;
using stateline::emulator::kAlignment;
using stateline::emulator::Machine;
using stateline::emulator::Memory;
using stateline::emulator::Region;
using stateline::emulator::region_of;

namespace {

cudaError_t health() { return Machine::get().lost ? cudaErrorLaunchFailure : cudaSuccess; }

std::uintptr_t number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

}  // namespace

cudaError_t cudaDriverGetVersion(int* version) {
  *version = Machine::get().driver;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  const Machine& machine = Machine::get();
  *count = machine.gpus;
  if (machine.driver < CUDART_VERSION) return cudaErrorInsufficientDriver;
  return machine.gpus == 0 ? cudaErrorNoDevice : cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* facts, int index) {
  const Machine& machine = Machine::get();
  if (index < 0 || index >= machine.gpus) return cudaErrorInvalidDevice;
  *facts = {"emulated on the processor", machine.major, machine.minor};
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int) { return health(); }
cudaError_t cudaGetLastError() { return health(); }

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    default:
      return "invalid argument";
  }
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = nullptr;
  return health();
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return health(); }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return health(); }

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) {
  *pool = nullptr;
  return health();
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return health(); }

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, std::size_t bytes) {
  Machine& machine = Machine::get();
  machine.kept_bytes = std::min(machine.kept_bytes, bytes);
  return health();
}

cudaError_t cudaMallocAsync(void** memory, std::size_t bytes, cudaStream_t) {
  const std::lock_guard lock(Device::mutex());
  static unsigned count = 0;
  Machine& machine = Machine::get();
  if (machine.used_bytes + machine.kept_bytes + bytes > machine.memory_bytes)
    return cudaErrorMemoryAllocation;
  machine.used_bytes += bytes;
  *memory = ::operator new(bytes, kAlignment);
  std::memset(*memory, 0xff, bytes);
  allocations()[*memory] = bytes;
  Memory::device().add("allocation " + std::to_string(++count), *memory, bytes);
  return health();
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t) {
  const std::lock_guard lock(Device::mutex());
  const auto found = allocations().find(memory);
  if (found == allocations().end()) return cudaErrorInvalidValue;
  Machine& machine = Machine::get();
  machine.used_bytes -= found->second;
  machine.kept_bytes += found->second;
  Memory::device().remove(memory);
  ::operator delete(memory, kAlignment);
  allocations().erase(found);
  return health();
}

cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t) {
  const std::lock_guard lock(Device::mutex());
  Region* region = region_of(memory, bytes);
  if (!region) return cudaErrorInvalidValue;
  std::memset(memory, value, bytes);
  region->write_by_host(number(memory), bytes);
  return health();
}

// Reading what nobody has written is a fault here as in a kernel.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t) {
  const std::lock_guard lock(Device::mutex());
  Region* const source = kind == cudaMemcpyHostToDevice ? nullptr : region_of(from, bytes);
  Region* const target = kind == cudaMemcpyDeviceToHost ? nullptr : region_of(to, bytes);
  if (!source && kind != cudaMemcpyHostToDevice) return cudaErrorInvalidValue;
  if (!target && kind != cudaMemcpyDeviceToHost) return cudaErrorInvalidValue;
  if (source) source->read_by_host(number(from), bytes);
  std::memcpy(to, from, bytes);
  if (target) target->write_by_host(number(to), bytes);
  return health();
}
