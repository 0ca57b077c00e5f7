// CUDA's runtime for the emulated device, as far as native/cuda uses it: one GPU whose memory is
// the process's. Whatever is asked of a stream is done when the call returns, unless the stream is
// being captured: then launches are remembered, and whatever else is asked is a fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace stateline::emulator {
struct LaunchList;
}  // namespace stateline::emulator
struct CUstream_st;

#define CUDART_VERSION 13000

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorIllegalState = 401,
  cudaErrorLaunchFailure = 719,
  cudaErrorStreamCaptureUnsupported = 900,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaMemPoolAttr { cudaMemPoolAttrReleaseThreshold };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
using cudaStream_t = CUstream_st*;
using cudaGraph_t = stateline::emulator::LaunchList*;
using cudaGraphExec_t = stateline::emulator::LaunchList*;
using cudaMemPool_t = void*;
constexpr unsigned cudaStreamNonBlocking = 1;

struct cudaDeviceProp {
  char name[256];
  int major, minor;
};

cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* facts, int index);
cudaError_t cudaSetDevice(int index);
cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int index);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr name, void* value);
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, std::size_t bytes);
cudaError_t cudaMallocAsync(void** memory, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* launches, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphUpload(cudaGraphExec_t launches, cudaStream_t stream);
cudaError_t cudaGraphLaunch(cudaGraphExec_t launches, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t launches);

namespace stateline::emulator {

// What the machine is like; a test sets it, or another process by the environment.
struct Machine {
  static Machine& get();
  int driver;                // STATELINE_EMULATED_DRIVER: CUDA's number, 0 = none
  int gpus;                  // STATELINE_EMULATED_GPUS
  int major, minor;          // STATELINE_EMULATED_CAPABILITY: 80 is 8.0
  std::size_t memory_bytes;  // STATELINE_EMULATED_MEMORY
  std::size_t launches;      // STATELINE_EMULATED_LAUNCHES: so many more, then it is lost
  bool lost = false;         // the device answers no more
  // Freed memory is of no use to others before it is given up, as where it is in pieces.
  std::size_t used_bytes = 0, kept_bytes = 0;

  // Graphs that can be launched, and how many were.
  std::size_t graphs = 0, graph_launches = 0;
  // Captured launches are refused, and missing in the graph.
  bool refuses_capture = false;
  // Planted: whichever graph is to be launched, the oldest is; copy number `omitted_copy` of those
  // that `copies` counts is not made.
  bool launches_oldest_graph = false;
  std::size_t copies = 0, omitted_copy = SIZE_MAX;
};

// Does what a kernel launch asks of the stream, now or, if it is being captured, when its graph is
// launched. `run` owns the kernel's arguments, which CUDA copies at the call.
void ask(cudaStream_t stream, std::function<void()> run);

}  // namespace stateline::emulator
