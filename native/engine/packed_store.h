// The packed matrices of large models in files that are mapped: all processes that serve a model
// share one copy in memory, and a start neither reads the model's own weights nor packs them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/weights.h"
#include "kernels/packed_matrix.h"
#include "models/plan.h"

namespace stateline::engine {

// What a file's matrices were made of: another model, plan, rounding or layout has another key.
std::uint64_t packed_key(const ModelHash& model, const models::Plan& plan, Rounding rounding);

class PackedStore {
 public:
  // The folder is made when something is kept, for this user alone. `model` is where the weights
  // are from: files whose model is gone go too. Fewer bytes are not worth a file.
  PackedStore(std::filesystem::path folder, const std::filesystem::path& model,
              std::size_t least_bytes = std::size_t{64} << 20);

  // nullopt where there is none. A damaged one is removed.
  std::optional<std::vector<kernels::PackedMatrix>> find(std::uint64_t key,
                                                         const models::Plan& plan,
                                                         unsigned threads) const;

  // Whether there is a file now; false: it is not worth one. Throws Error(kNoResources) with one
  // sentence if the folder cannot be written or has no room.
  bool keep(std::uint64_t key, const std::vector<kernels::PackedMatrix>& matrices) const;

 private:
  std::filesystem::path file_of(std::uint64_t key) const;
  void write(const std::filesystem::path& file, std::uint64_t key,
             const std::vector<kernels::PackedMatrix>& matrices) const;
  void sweep(const std::filesystem::path& kept) const;

  std::filesystem::path folder_, model_;
  std::size_t least_bytes_;
};

}  // namespace stateline::engine
