// What the shared library stateline_cuda gives to the engine, which loads it at run time: C
// functions and plain structures, since another compiler may have made it. It knows memory and
// launches, and no network. Each function that can fail returns null, or one sentence that stays
// valid until the thread's next call.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/causal_conv.cuh"
#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/embedding.cuh"
#include "kernels/cuda/experts.cuh"
#include "kernels/cuda/head_end.cuh"
#include "kernels/cuda/linear.cuh"
#include "kernels/cuda/norm.cuh"
#include "kernels/cuda/rotary.cuh"
#include "kernels/cuda/ssd.cuh"

namespace stateline::cuda {

// Raised with every change of what follows, and of the kernels' arguments: the engine refuses a
// library of another version.
inline constexpr std::uint32_t kLibraryVersion = 3;
inline constexpr char kLibraryEntry[] = "stateline_cuda_library";

struct Gpu;    // a device, its stream and its memory
struct Queue;  // where one thread's launches go: to the GPU's stream, or into a graph

// What all arguments of a token's launches follow from: two tokens of one step launch the same.
struct Step {
  std::size_t state_heads;
  std::uint64_t window;  // tokens; 0 = all
  std::uint64_t place;   // the token's, counted from the beginning of the first page
  const void* pages;     // where the table of pages lies

  bool operator==(const Step&) const = default;
};

// A step's launches, and nothing else; false if one of them failed.
using StepLaunches = bool(void* context);

// A kernel of kernels/cuda, which says what the arguments are. It has not run when this returns;
// what it did wrong shows at finish() or read().
template <class Arguments>
using Launch = const char*(Queue* queue, const Arguments* arguments);

struct Library {
  std::uint32_t version;

  // CUDA's number of the device. Says why if it is not there, or cannot run the kernels.
  const char* (*open)(int index, Gpu** gpu);
  void (*close)(Gpu* gpu);
  const char* (*name)(const Gpu* gpu);

  // In the order of the calls, whatever the thread. New memory has nothing written, or zeros.
  const char* (*allocate)(Gpu* gpu, std::size_t bytes, bool zeroed, std::byte** memory);
  void (*release)(Gpu* gpu, std::byte* memory);
  const char* (*copy)(Gpu* gpu, std::byte* to, const std::byte* from, std::size_t bytes);
  const char* (*write)(Gpu* gpu, std::byte* to, const std::byte* from, std::size_t bytes);
  const char* (*read)(Gpu* gpu, std::byte* to, const std::byte* from, std::size_t bytes);
  // Ends when the GPU is done with all that was asked.
  const char* (*finish)(Gpu* gpu);

  // Slots of pages; `stored` is in main memory, in the layout of kernels/attention.h.
  std::size_t (*slot_bytes)(std::size_t K, std::size_t V);
  const char* (*read_slots)(Gpu* gpu, std::byte* stored, const std::byte* slots, std::size_t count,
                            std::size_t K, std::size_t V);
  const char* (*write_slots)(Gpu* gpu, std::byte* slots, const std::byte* stored, std::size_t count,
                             std::size_t K, std::size_t V);

  // A queue is one thread's; its GPU is closed after it.
  const char* (*open_queue)(Gpu* gpu, Queue** queue);
  void (*close_queue)(Queue* queue);
  // Asks for the step's launches: `launches` is called and makes them on the queue, or they were
  // captured before and are replayed, with the arguments that they had then.
  const char* (*run_step)(Queue* queue, const Step* step, StepLaunches* launches, void* context);

  Launch<kernels::cuda::EmbeddingArguments>* embed;
  Launch<kernels::cuda::LinearArguments>* linear;
  Launch<kernels::cuda::RmsNormArguments<float>>* norm_f32;
  Launch<kernels::cuda::RmsNormArguments<kernels::cuda::bf16>>* norm_bf16;
  Launch<kernels::cuda::GateArguments>* gate;
  Launch<kernels::cuda::HeadEndArguments>* end_heads;
  Launch<kernels::cuda::CausalConvArguments>* convolve;
  Launch<kernels::cuda::DiscretiseArguments>* discretise;
  Launch<kernels::cuda::RotateArguments>* rotate;
  Launch<kernels::cuda::SsdArguments>* recur;
  Launch<kernels::cuda::AppendArguments>* append;
  Launch<kernels::cuda::AttentionArguments>* attend;
  Launch<kernels::cuda::ExpertsArguments>* experts;

  // What some of them want as workspace; of the first the delta rule wants none.
  std::size_t (*ssd_workspace_floats)(std::size_t tokens, std::size_t heads, std::size_t K,
                                      std::size_t V);
  std::size_t (*attention_workspace_floats)(std::size_t heads, std::size_t K, std::size_t V);
  std::size_t (*experts_workspace_bytes)(std::size_t rows, std::size_t top_k, std::size_t F);
};

// The library's only symbol, kLibraryEntry.
using LibraryEntry = const Library*();

}  // namespace stateline::cuda
