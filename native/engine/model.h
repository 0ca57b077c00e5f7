// A model: a network and its immutable weights, with their name (hash), on a device.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/device.h"
#include "engine/packed_store.h"
#include "engine/recall_weights.h"
#include "engine/weights.h"
#include "kernels/kernels.h"
#include "models/network.h"

namespace stateline::engine {

std::string hex(const ModelHash& hash);

class Model {
 public:
  // Reads a folder as transformers writes it, or a GGUF file. Throws Error(kInvalidModel) with one
  // sentence. Without a device, the states lie in main memory and `kernels` compute. A large one is
  // mapped from the folder `packed`, if that is given, where the first load puts it.
  static std::shared_ptr<const Model> load(const std::filesystem::path& path,
                                           const kernels::Kernels& kernels = kernels::kernels(),
                                           std::shared_ptr<Device> device = nullptr,
                                           Rounding rounding = Rounding::kNone,
                                           const std::filesystem::path& packed = {});

  // One whose weights mean nothing, of the shape that a folder's config.json says: as fast as a
  // real one.
  static std::shared_ptr<const Model> blank(const std::filesystem::path& folder,
                                            const kernels::Kernels& kernels = kernels::kernels(),
                                            std::shared_ptr<Device> device = nullptr,
                                            Rounding rounding = Rounding::kNone);

  // The same weights, not copied, for states on another device.
  std::shared_ptr<const Model> on(std::shared_ptr<Device> device) const;

  const kernels::Kernels& kernels() const { return kernels_; }
  const models::Network& network() const { return *contents_->network; }
  const models::Plan& plan() const { return contents_->network->plan(); }
  const Weights& weights() const { return contents_->weights; }
  const RecallWeights& recall_weights() const { return contents_->recall; }
  const ModelHash& hash() const { return contents_->hash; }
  // Of the matrices, by the first layer's first.
  std::string_view quantization() const {
    return name_of(weights().matrices[plan().matrices().size() > 1 ? 1 : 0].type());
  }
  std::size_t parameters() const { return contents_->weights.parameters; }
  std::size_t weight_bytes() const { return contents_->weights.bytes; }
  // The matrices are mapped, one copy for all processes.
  bool shares_weights() const { return contents_->shared; }
  // One sentence if they could not be kept for that; else empty.
  const std::string& packing_problem() const { return contents_->packing_problem; }

  // Where the memory of a state with so many state heads, at most plan().heads, lies.
  const std::shared_ptr<const models::MemoryLayout>& layout(std::size_t state_heads) const {
    return layouts_[state_heads];
  }

  const std::shared_ptr<Device>& device() const { return device_; }
  // Counts the memory of all this model's states.
  std::shared_ptr<MemoryMeter> meter() const { return {device_, &device_->meter()}; }

 private:
  // What the files hold.
  struct Contents {
    ModelHash hash{};
    std::unique_ptr<const models::Network> network;
    Weights weights;
    RecallWeights recall;
    bool shared = false;
    std::string packing_problem;
  };

  static void read_shared(Contents& contents, const models::StoredModel& stored, Rounding rounding,
                          const PackedStore& store);

  Model(const kernels::Kernels& kernels, std::shared_ptr<const Contents> contents,
        std::shared_ptr<Device> device);

  const kernels::Kernels& kernels_;
  std::shared_ptr<const Contents> contents_;
  std::shared_ptr<Device> device_;
  std::vector<std::shared_ptr<const models::MemoryLayout>> layouts_;  // [heads + 1]
};

}  // namespace stateline::engine
