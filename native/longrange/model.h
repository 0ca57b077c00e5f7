// A classifier of byte sequences: some channels run through a time-invariant state-space layer, the
// others through attention; both look back only, or both ways. Immutable once loaded.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/kernels.h"
#include "longrange/config.h"

namespace stateline::longrange {

struct Layer {
  std::vector<float> norm;                               // [d]
  kernels::PackedMatrix in_proj;                         // [d, d], rows of the SSM first
  std::optional<kernels::TimeInvariantSystem> ssm;       // of p channels; none if p = 0
  std::optional<kernels::TimeInvariantSystem> ssm_back;  // that reads from the end, if any does
  kernels::PackedMatrix qkv;                             // [3 q, q]; empty if q = 0
  kernels::PackedMatrix glu;                             // [2 d, d], rows value, gate
};

class Model {
 public:
  // Reads config.json and model.safetensors of a folder. Throws Error(kInvalidModel) with one
  // sentence; a system that does not fade is refused too.
  static std::shared_ptr<const Model> load(const std::filesystem::path& directory,
                                           const kernels::Kernels& kernels = kernels::kernels());

  const kernels::Kernels& kernels() const { return kernels_; }
  const Config& config() const { return config_; }
  std::size_t parameters() const { return parameters_; }
  // In memory: the weights, and the chunk's operators of each system.
  std::size_t bytes() const { return bytes_; }

  const std::vector<float>& embedding() const { return embedding_; }  // [256, d]
  const std::vector<Layer>& layers() const { return layers_; }
  const std::vector<float>& final_norm() const { return final_norm_; }  // [d]
  const std::vector<float>& head() const { return head_; }              // [classes, d]
  const std::vector<float>& head_bias() const { return head_bias_; }    // [classes]

 private:
  explicit Model(const kernels::Kernels& kernels) : kernels_(kernels) {}

  const kernels::Kernels& kernels_;
  Config config_;
  std::size_t parameters_ = 0;
  std::size_t bytes_ = 0;
  std::vector<float> embedding_;
  std::vector<Layer> layers_;
  std::vector<float> final_norm_, head_, head_bias_;
};

}  // namespace stateline::longrange
