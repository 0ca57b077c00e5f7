// The library's table of functions: no exception passes it other than as a sentence.
#include "cuda/library.h"

#include <cstddef>
#include <exception>
#include <string>
#include <vector>

#include "cuda/gpu.h"
#include "cuda/network.h"
#include "cuda/slots.h"
#include "kernels/attention.h"
#include "kernels/cuda/attention.cuh"

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

const char* allocate(Gpu* gpu, std::size_t bytes, std::byte** memory) {
  return on(gpu, [&] {
    *memory = gpu->allocate(bytes);
    gpu->zero(*memory, bytes);
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

const char* load(Gpu* gpu, const Weights* weights, std::size_t most_tokens, std::size_t most_rows,
                 Network** network) {
  return on(gpu, [&] { *network = new Network(*gpu, *weights, most_tokens, most_rows); });
}

void unload(Network* network) { delete network; }

const char* advance(Network* network, const Chunk* chunk) {
  return on(&network->gpu(), [&] { network->advance(*chunk); });
}

const char* logits_of_rows(Network* network, std::size_t first, std::size_t rows, float* out) {
  return on(&network->gpu(), [&] { network->logits_of_rows(first, rows, out); });
}

const char* logits(Network* network, const float* hidden, float* out) {
  return on(&network->gpu(), [&] { network->logits(hidden, out); });
}

constexpr Library kLibrary{
    kLibraryVersion, open,       close,       name, allocate, release, copy,           write, read,
    slot_bytes,      read_slots, write_slots, load, unload,   advance, logits_of_rows, logits};

}  // namespace
}  // namespace stateline::cuda

STATELINE_EXPORT const stateline::cuda::Library* stateline_cuda_library() {
  return &stateline::cuda::kLibrary;
}
