// What the shared library stateline_cuda gives to the engine, which loads it at run time: C
// functions and plain structures, since another compiler may have made it. Each function that can
// fail returns null, or one sentence that stays valid until the thread's next call.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/weights.h"

namespace stateline::cuda {

// Raised with every change of what follows: the engine refuses a library of another version.
inline constexpr std::uint32_t kLibraryVersion = 1;
inline constexpr char kLibraryEntry[] = "stateline_cuda_library";

// In main memory, packed as kernels/cuda/weights.h says.
struct Matrix {
  kernels::cuda::WeightFormat format;
  std::size_t n, k;
  const void* values;
  std::size_t value_bytes;
  const float* scale;  // [n], int8 only
};

// Shapes as in engine/model.h; everything is in main memory and may go away after the upload.
struct Layer {
  const float *norm1, *norm2;              // [d]
  const float *conv_weight, *conv_bias;    // [4, C], [C]
  const float *q_norm, *k_norm;            // [H, K]
  const float *dt_bias, *D, *query_scale;  // [H]
  const float* A_log;                      // [H + 1, H], by the number of state heads
  const float* out_norm;                   // [H + 1, H, V], likewise
  const std::uint32_t* head_order;         // [H], the first attend
  Matrix in_proj, out_proj, gate_up_proj, down_proj;
};

struct Weights {
  std::size_t vocab, d, layers, H, K, V, F;
  float eps;
  Matrix embedding;         // [vocab, d]
  const float* final_norm;  // [d]
  const Layer* layer;       // [layers]
};

// Tokens to read and the memory that they go on from, which is overwritten; pointers into the GPU's
// memory unless said otherwise.
struct Chunk {
  std::size_t tokens;         // 1 ... most_tokens
  const std::int32_t* token;  // [tokens], in main memory
  std::size_t state_heads;
  std::uint64_t position, window;  // of the first token; 0 = all
  float* ssm;                      // [layers, state heads, K, V]
  float* conv;                     // [layers, 3, C]
  float* hidden;                   // [d], the last token's
  std::byte* const* page;          // [pages], in main memory; the pages are the GPU's
  std::size_t pages;
  std::uint64_t first_position;  // of page[0]
  bool all;                      // whether rows of all tokens are wanted, not only the last one's
};

struct Gpu;      // a device, its stream and its memory
struct Network;  // weights and scratch on a GPU

struct Library {
  std::uint32_t version;

  // CUDA's number of the device. Says why if it is not there, or cannot run the kernels.
  const char* (*open)(int index, Gpu** gpu);
  void (*close)(Gpu* gpu);
  const char* (*name)(const Gpu* gpu);

  // In the order of the calls, whatever the thread. New memory is zeroed.
  const char* (*allocate)(Gpu* gpu, std::size_t bytes, std::byte** memory);
  void (*release)(Gpu* gpu, std::byte* memory);
  const char* (*copy)(Gpu* gpu, std::byte* to, const std::byte* from, std::size_t bytes);
  const char* (*write)(Gpu* gpu, std::byte* to, const std::byte* from, std::size_t bytes);
  const char* (*read)(Gpu* gpu, std::byte* to, const std::byte* from, std::size_t bytes);

  // Slots of pages; `stored` is in main memory, in the layout of kernels/attention.h.
  std::size_t (*slot_bytes)(std::size_t K, std::size_t V);
  const char* (*read_slots)(Gpu* gpu, std::byte* stored, const std::byte* slots, std::size_t count,
                            std::size_t K, std::size_t V);
  const char* (*write_slots)(Gpu* gpu, std::byte* slots, const std::byte* stored, std::size_t count,
                             std::size_t K, std::size_t V);

  const char* (*load)(Gpu* gpu, const Weights* weights, std::size_t most_tokens,
                      std::size_t most_rows, Network** network);
  void (*unload)(Network* network);
  // Ends when the GPU is done, as the next two.
  const char* (*advance)(Network* network, const Chunk* chunk);
  // [rows, vocab] into main memory, of rows first ... of the last chunk; rows <= most_rows.
  const char* (*logits_of_rows)(Network* network, std::size_t first, std::size_t rows, float* out);
  // [vocab] into main memory; on any thread, one at a time. `hidden` [d] is the GPU's.
  const char* (*logits)(Network* network, const float* hidden, float* out);
};

// The library's only symbol, kLibraryEntry.
using LibraryEntry = const Library*();

}  // namespace stateline::cuda
