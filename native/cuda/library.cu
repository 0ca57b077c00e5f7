// The library's table of functions: no exception passes it other than as a sentence.
#include "cuda/library.h"

#include <cstddef>
#include <exception>
#include <string>
#include <vector>

#include "cuda/gpu.h"
#include "cuda/queue.h"
#include "cuda/slots.h"
#include "kernels/attention.h"
#include "kernels/cuda/device_slot.cuh"

#if defined(_WIN32)
#define STATELINE_EXPORT extern "C" __declspec(dllexport)
#else
#define STATELINE_EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace stateline::cuda {
namespace {

template <class Body>
const char* guarded(Body body) {
  thread_local std::string sentence;
  try {
    body();
    return nullptr;
  } catch (const std::bad_alloc&) {
    sentence = "There is not enough main memory to feed the GPU; close other programs.";
  } catch (const std::exception& error) {
    sentence = error.what();
  }
  return sentence.c_str();
}

// With the GPU as the thread's current one.
template <class Body>
const char* on(Gpu* gpu, Body body) {
  return guarded([&] {
    gpu->make_current();
    body();
  });
}

const char* open(int index, Gpu** gpu) {
  return guarded([&] { *gpu = new Gpu(index); });
}

void close(Gpu* gpu) { delete gpu; }

const char* name(const Gpu* gpu) { return gpu->name().c_str(); }

const char* allocate(Gpu* gpu, std::size_t bytes, bool zeroed, std::byte** memory) {
  return on(gpu, [&] {
    *memory = gpu->allocate(bytes);
    if (zeroed) gpu->zero(*memory, bytes);
  });
}

void release(Gpu* gpu, std::byte* memory) { gpu->release(memory); }

const char* copy(Gpu* gpu, std::byte* to, const std::byte* from, std::size_t bytes) {
  return on(gpu, [&] { gpu->copy(to, from, bytes); });
}

const char* write(Gpu* gpu, std::byte* to, const std::byte* from, std::size_t bytes) {
  return on(gpu, [&] { gpu->write(to, from, bytes); });
}

const char* read(Gpu* gpu, std::byte* to, const std::byte* from, std::size_t bytes) {
  return on(gpu, [&] { gpu->read(to, from, bytes); });
}

const char* finish(Gpu* gpu) {
  return on(gpu, [&] { gpu->finish(); });
}

std::size_t slot_bytes(std::size_t K, std::size_t V) {
  return kernels::cuda::device_slot_bytes(K, V);
}

const char* read_slots(Gpu* gpu, std::byte* stored, const std::byte* slots, std::size_t count,
                       std::size_t K, std::size_t V) {
  return on(gpu, [&] {
    std::vector<std::byte> here(count * slot_bytes(K, V));
    gpu->read(here.data(), slots, here.size());
    for (std::size_t i = 0; i < count; ++i)
      store_slot(stored + i * kernels::slot_bytes(K, V), &here[i * slot_bytes(K, V)], K, V);
  });
}

const char* write_slots(Gpu* gpu, std::byte* slots, const std::byte* stored, std::size_t count,
                        std::size_t K, std::size_t V) {
  return on(gpu, [&] {
    std::vector<std::byte> here(count * slot_bytes(K, V));
    for (std::size_t i = 0; i < count; ++i)
      unstore_slot(&here[i * slot_bytes(K, V)], stored + i * kernels::slot_bytes(K, V), K, V);
    gpu->write(slots, here.data(), here.size());
  });
}

const char* open_queue(Gpu* gpu, Queue** queue) {
  return on(gpu, [&] { *queue = new Queue(*gpu); });
}

void close_queue(Queue* queue) { delete queue; }

const char* run_step(Queue* queue, const Step* step, StepLaunches* launches, void* context) {
  return on(&queue->gpu(), [&] {
    queue->run(*step, [&] {
      if (!launches(context)) throw Failure("The launches of a token failed on the GPU.");
    });
  });
}

template <class Arguments, void (*kKernel)(cudaStream_t, const Arguments&)>
const char* launch(Queue* queue, const Arguments* arguments) {
  return on(&queue->gpu(), [&] { kKernel(queue->stream(), *arguments); });
}

namespace k = kernels::cuda;

constexpr Library kLibrary{
    .version = kLibraryVersion,
    .open = open,
    .close = close,
    .name = name,
    .allocate = allocate,
    .release = release,
    .copy = copy,
    .write = write,
    .read = read,
    .finish = finish,
    .slot_bytes = slot_bytes,
    .read_slots = read_slots,
    .write_slots = write_slots,
    .open_queue = open_queue,
    .close_queue = close_queue,
    .run_step = run_step,
    .embed = launch<k::EmbeddingArguments, k::embed>,
    .linear = launch<k::LinearArguments, k::linear>,
    .norm_f32 = launch<k::RmsNormArguments<float>, k::rms_norm>,
    .norm_bf16 = launch<k::RmsNormArguments<k::bf16>, k::rms_norm>,
    .gate = launch<k::GateArguments, k::gate>,
    .end_heads = launch<k::HeadEndArguments, k::end_heads>,
    .convolve = launch<k::CausalConvArguments, k::causal_conv>,
    .discretise = launch<k::DiscretiseArguments, k::discretise>,
    .rotate = launch<k::RotateArguments, k::rotate>,
    .recur = launch<k::SsdArguments, k::ssd>,
    .append = launch<k::AppendArguments, k::append_to_cache>,
    .attend = launch<k::AttentionArguments, k::attend>,
    .experts = launch<k::ExpertsArguments, k::experts>,
    .ssd_workspace_floats = k::ssd_workspace_floats,
    .attention_workspace_floats = k::attention_workspace_floats,
    .experts_workspace_bytes = k::experts_workspace_bytes,
};

}  // namespace
}  // namespace stateline::cuda

STATELINE_EXPORT const stateline::cuda::Library* stateline_cuda_library() {
  return &stateline::cuda::kLibrary;
}
