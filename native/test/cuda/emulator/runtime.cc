#include "runtime.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "execution.h"
#include "memory.h"

namespace stateline::emulator {

struct LaunchList {
  std::vector<std::function<void()>> launches;
};

}  // namespace stateline::emulator

struct CUstream_st {
  std::optional<stateline::emulator::LaunchList> captured;  // while it is being captured
};

namespace stateline::emulator {
namespace {

using Stream = CUstream_st;

// What CUDA gives out as handles, in the order of their making.
template <class T>
class Handles {
 public:
  T* add(T value) { return all_.emplace_back(std::make_unique<T>(std::move(value))).get(); }
  bool remove(const T* handle) {
    return std::erase_if(all_, [&](const auto& entry) { return entry.get() == handle; }) == 1;
  }
  bool has(const T* handle) const {
    return std::any_of(all_.begin(), all_.end(),
                       [&](const auto& entry) { return entry.get() == handle; });
  }
  T* oldest() const { return all_.front().get(); }
  std::size_t count() const { return all_.size(); }

 private:
  std::vector<std::unique_ptr<T>> all_;
};

Handles<Stream>& streams() {
  static Handles<Stream> all;
  return all;
}
Handles<LaunchList>& recorded_graphs() {
  static Handles<LaunchList> all;
  return all;
}
Handles<LaunchList>& graphs() {
  static Handles<LaunchList> all;
  return all;
}

// Of this thread, until it is asked for.
thread_local cudaError_t last_error = cudaSuccess;

// The stream that this thread is capturing.
thread_local Stream* capturing = nullptr;

// Before everything but a launch on the captured stream; in the mode that the engine uses, a thread
// that captures may ask no other stream either.
void check_stream(Stream* stream, const char* asked) {
  const std::lock_guard lock(Device::mutex());
  if (stream != nullptr && !streams().has(stream))
    throw Fault(FaultKind::launch, std::string(asked) + " on a stream that does not exist");
  if (capturing != nullptr || (stream != nullptr && stream->captured))
    throw Fault(FaultKind::capture, std::string(asked) + " while launches are captured");
}

void launch_now(const std::function<void()>& run) {
  const std::lock_guard lock(Device::mutex());
  Machine& machine = Machine::get();
  if (machine.launches == 0) machine.lost = true;
  if (machine.lost) return;  // what asks next hears of it
  --machine.launches;
  run();
}

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

void ask(cudaStream_t stream, std::function<void()> run) {
  if (stream == nullptr || stream != capturing) {
    check_stream(stream, "a launch on another stream");
    return launch_now(run);
  }
  if (!Machine::get().refuses_capture) return stream->captured->launches.push_back(std::move(run));
  last_error = cudaErrorMemoryAllocation;
}

Machine& Machine::get() {
  static Machine machine = [] {
    const auto capability = static_cast<int>(given("STATELINE_EMULATED_CAPABILITY", 80));
    return Machine{static_cast<int>(given("STATELINE_EMULATED_DRIVER", CUDART_VERSION)),
                   static_cast<int>(given("STATELINE_EMULATED_GPUS", 1)),
                   capability / 10,
                   capability % 10,
                   given("STATELINE_EMULATED_MEMORY", SIZE_MAX),
                   given("STATELINE_EMULATED_LAUNCHES", SIZE_MAX)};
  }();
  return machine;
}

}  // namespace stateline::emulator

using namespace stateline::emulator;

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
cudaError_t cudaGetLastError() {
  const cudaError_t seen = std::exchange(last_error, cudaSuccess);
  return seen == cudaSuccess ? health() : seen;
}

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
  const std::lock_guard lock(Device::mutex());
  *stream = streams().add({});
  return health();
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::lock_guard lock(Device::mutex());
  check_stream(stream, "cudaStreamDestroy");
  return streams().remove(stream) ? health() : cudaErrorInvalidValue;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  check_stream(stream, "cudaStreamSynchronize");
  return health();
}

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

cudaError_t cudaMallocAsync(void** memory, std::size_t bytes, cudaStream_t stream) {
  const std::lock_guard lock(Device::mutex());
  check_stream(stream, "cudaMallocAsync");
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

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  const std::lock_guard lock(Device::mutex());
  check_stream(stream, "cudaFreeAsync");
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

cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
  const std::lock_guard lock(Device::mutex());
  check_stream(stream, "cudaMemsetAsync");
  Region* region = region_of(memory, bytes);
  if (!region) return cudaErrorInvalidValue;
  std::memset(memory, value, bytes);
  region->write_by_host(number(memory), bytes);
  return health();
}

// Reading what nobody has written is a fault here as in a kernel.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const std::lock_guard lock(Device::mutex());
  check_stream(stream, "cudaMemcpyAsync");
  Machine& machine = Machine::get();
  if (machine.copies++ == machine.omitted_copy) return health();
  Region* const source = kind == cudaMemcpyHostToDevice ? nullptr : region_of(from, bytes);
  Region* const target = kind == cudaMemcpyDeviceToHost ? nullptr : region_of(to, bytes);
  if (!source && kind != cudaMemcpyHostToDevice) return cudaErrorInvalidValue;
  if (!target && kind != cudaMemcpyDeviceToHost) return cudaErrorInvalidValue;
  if (source) source->read_by_host(number(from), bytes);
  std::memcpy(to, from, bytes);
  if (target) target->write_by_host(number(to), bytes);
  return health();
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const std::lock_guard lock(Device::mutex());
  if (!streams().has(stream)) return cudaErrorStreamCaptureUnsupported;
  if (health() != cudaSuccess) return health();
  if (capturing != nullptr || stream->captured) return cudaErrorIllegalState;
  stream->captured.emplace();
  capturing = stream;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(Device::mutex());
  if (stream == nullptr || stream != capturing) return cudaErrorIllegalState;
  *graph = recorded_graphs().add(*std::exchange(stream->captured, std::nullopt));
  capturing = nullptr;
  return health();
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* launches, cudaGraph_t graph, unsigned long long) {
  const std::lock_guard lock(Device::mutex());
  if (!recorded_graphs().has(graph)) return cudaErrorInvalidValue;
  *launches = graphs().add(*graph);
  Machine::get().graphs = graphs().count();
  return health();
}

cudaError_t cudaGraphUpload(cudaGraphExec_t launches, cudaStream_t stream) {
  const std::lock_guard lock(Device::mutex());
  check_stream(stream, "cudaGraphUpload");
  return graphs().has(launches) ? health() : cudaErrorInvalidValue;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t launches, cudaStream_t stream) {
  const std::lock_guard lock(Device::mutex());
  check_stream(stream, "cudaGraphLaunch");
  if (!graphs().has(launches)) return cudaErrorInvalidValue;
  if (health() != cudaSuccess) return health();
  Machine& machine = Machine::get();
  ++machine.graph_launches;
  const LaunchList& list = machine.launches_oldest_graph ? *graphs().oldest() : *launches;
  for (const std::function<void()>& run : list.launches) launch_now(run);
  return health();
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::lock_guard lock(Device::mutex());
  return recorded_graphs().remove(graph) ? health() : cudaErrorInvalidValue;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t launches) {
  const std::lock_guard lock(Device::mutex());
  const bool removed = graphs().remove(launches);
  Machine::get().graphs = graphs().count();
  return removed ? health() : cudaErrorInvalidValue;
}
