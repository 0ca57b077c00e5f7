// The options of requests, from JavaScript objects to the engine's structures.
#pragma once

#include <napi.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

#include "engine/engine.h"

namespace stateline::binding {

// { cuda?: { library, gpu } }: where a model is to run; nothing for the processor.
struct CudaOptions {
  std::filesystem::path library;
  int gpu;
};
std::optional<CudaOptions> cuda_options(const Napi::Object& options);

// { rounding?: "int8" or "int4" }: how a model's matrices may be rounded; by default not at all.
engine::Rounding rounding(const Napi::Object& options);

// { packedFolder? }: empty without it.
std::filesystem::path packed_folder(const Napi::Object& options);

// { blank? }: only the shape is wanted.
bool blank(const Napi::Object& options);

// { priority, cancellation? }
engine::JobOptions job_options(const Napi::Object& options);

// { checkpoints? }; without them the one at the end.
std::vector<std::size_t> checkpoints(const Napi::Object& options, std::size_t token_count);

// { maxTokens, temperature, topP, seed, stopTokens, firstTokens?, recall?, leastLogProb?,
// mostMs?, beam? }
engine::GenerateOptions generate_options(const Napi::Object& options);

}  // namespace stateline::binding
