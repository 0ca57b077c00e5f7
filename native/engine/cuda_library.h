// The shared library stateline_cuda, found at run time: without it the engine computes on the
// processor.
#pragma once

#include <filesystem>

#include "cuda/library.h"

namespace stateline::engine {

// Stays loaded until the process ends. Throws Error(kDevice) with one sentence if the file is
// missing, does not load or was built for another engine.
const cuda::Library& load_cuda_library(const std::filesystem::path& file);

}  // namespace stateline::engine
