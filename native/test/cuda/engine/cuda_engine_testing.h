// What the tests of the engine on a GPU share: a model on both devices, states compared across
// them.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/cuda_device.h"
#include "engine/cuda_library.h"
#include "engine/executor.h"
#include "engine/serialize.h"
#include "engine_testing.h"
#include "kernels/cuda/types.h"

namespace stateline::testing {

using cuda::Library;
using engine::CudaDevice;
using engine::Wanted;

// bf16 keeps 8 bits: an activation is off by 2^-9, and some dozen of them follow one another.
constexpr double kTolerance = 0.03;

inline const Library& library_under_test() {
  const char* given = std::getenv("STATELINE_CUDA_LIBRARY");
  return engine::load_cuda_library(given ? given : STATELINE_EMULATED_LIBRARY);
}

// Its functions, one of them wrong.
template <auto Member, typename Function>
Library with(Function function) {
  Library faulty = library_under_test();
  faulty.*Member = function;
  return faulty;
}

struct RowErrors {
  double median, worst;
};

// Of each row of logits. Where what is normalised is all but nothing, its rounding grows with it:
// such a token's logits are off by more, and seldom.
inline RowErrors row_errors(std::span<const float> gpu, std::span<const float> wanted,
                            std::size_t vocab) {
  std::vector<double> errors;
  for (std::size_t at = 0; at < wanted.size(); at += vocab)
    errors.push_back(relative_error(gpu.subspan(at, vocab), wanted.subspan(at, vocab)));
  std::sort(errors.begin(), errors.end());
  return {errors[errors.size() / 2], errors.back()};
}

inline models::StatelineConfig rounded_config() {
  models::StatelineConfig config = tiny_config();
  config.heads = 4;
  config.head_switch_order = {{2, 0, 3, 1}, {1, 3, 2, 0}};
  return config;
}

// Weights that bf16 holds exactly.
inline Checkpoint rounded_checkpoint(std::uint32_t seed) {
  Checkpoint checkpoint(rounded_config(), seed);
  for (auto& [name, tensor] : checkpoint.tensors)
    for (float& value : tensor.values) value = kernels::cuda::widen(kernels::cuda::narrow(value));
  return checkpoint;
}

inline std::shared_ptr<const Model> load_on(const std::filesystem::path& directory,
                                            const Library& library) {
  return Model::load(directory, kernels::kernels(), CudaDevice::open(library, 0));
}

// A model on both devices.
struct Pair {
  Pair(const std::filesystem::path& directory, const Library& library)
      : cpu(Model::load(directory)), gpu(load_on(directory, library)) {}
  // Random weights.
  Pair(std::uint32_t seed, const Library& library) : Pair(Files(seed).directory.path(), library) {}

  Tokens tokens(std::size_t count, std::uint32_t seed) const {
    return random_tokens(count, cpu->plan().vocab_size, seed);
  }
  // The GPU's state as the processor holds it.
  StatePtr fetched(const State& state) const {
    return engine::restore(*cpu, engine::serialize(state));
  }
  double error(const State& on_gpu, const State& on_cpu) const {
    return state_error(*fetched(on_gpu), on_cpu);
  }

  std::shared_ptr<const Model> cpu, gpu;

 private:
  struct Files {
    explicit Files(std::uint32_t seed) { rounded_checkpoint(seed).write(directory.path()); }
    TemporaryDirectory directory;
  };
};

// Reads texts with one executor, whose weights and graphs stay.
class Reader {
 public:
  explicit Reader(const Model& model)
      : model_(model), executor_(model.device()->make_executor(model, 1)) {}

  // In chunks of the given sizes, the last one again and again.
  StatePtr read(const StatePtr& from, const Tokens& tokens, const std::vector<std::size_t>& sizes) {
    Branch branch(model_, *from);
    std::size_t at = 0;
    for (std::size_t i = 0; at < tokens.size(); ++i) {
      const std::size_t size = sizes[std::min(i, sizes.size() - 1)];
      const std::size_t count = std::min(size, tokens.size() - at);
      executor_->advance(branch, std::span(tokens).subspan(at, count));
      at += count;
    }
    return branch.freeze();
  }

 private:
  const Model& model_;
  std::unique_ptr<engine::Executor> executor_;
};

inline StatePtr read(const Model& model, const StatePtr& from, const Tokens& tokens,
                     const std::vector<std::size_t>& sizes) {
  return Reader(model).read(from, tokens, sizes);
}

// The sentence of the Error(kDevice) that is thrown, "" if none is.
inline std::string sentence_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kDevice);
    return error.what();
  }
  return "";
}

}  // namespace stateline::testing
