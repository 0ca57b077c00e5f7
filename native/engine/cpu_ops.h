// The processor's operations: each is one or a few calls of kernels.
#pragma once

#include <vector>

#include "engine/model.h"
#include "kernels/recurrent_log.h"
#include "kernels/thread_pool.h"
#include "models/ops.h"

namespace stateline::engine {

class CpuOps : public models::Ops {
 public:
  // Both are borrowed.
  CpuOps(const Model& model, kernels::ThreadPool& pool);

  void embed(models::Matrix W, std::span<const std::int32_t> tokens, float scale,
             models::Rows x) override;
  void linear(const models::LinearOp& op) override;
  void norm(const models::NormOp& op) override;
  void gate(const models::GateOp& op) override;
  void end_heads(const models::HeadEndOp& op) override;
  void convolve(const models::ConvolveOp& op) override;
  void discretise(const models::DiscretiseOp& op) override;
  void rotate(const models::RotateOp& op) override;
  void recur(const models::RecurOp& op) override;
  void recur_log(const models::LogOp& op) override;
  void fold(const models::FoldOp& op) override;
  void append(const models::AppendOp& op) override;
  void attend(const models::AttendOp& op) override;
  void experts(const models::ExpertsOp& op) override;
  void copy(void* to, const void* from, std::size_t bytes) override;

 private:
  void plain_gate(const models::GateOp& op);
  kernels::SsdArguments arguments(const models::StateHeads& heads, std::size_t first,
                                  std::size_t tokens, float* state) const;
  const float* at(models::Vector vector) const {
    return weights_.vectors[vector.index].data() + vector.offset;
  }
  const std::uint32_t* at(models::Indices indices) const {
    return plan_.indices()[indices.index].data() + indices.offset;
  }

  const models::Plan& plan_;
  const Weights& weights_;
  const kernels::Kernels& kernels_;
  kernels::ThreadPool& pool_;
  // What cosines_ and sines_ are of.
  struct Angles {
    double theta = 0;
    std::size_t width = 0, tokens = 0;
    std::uint64_t position = 0;
    bool operator==(const Angles&) const = default;
  };

  Angles angles_;
  std::vector<float> cosines_, sines_;
  std::vector<float> expert_x_, expert_h_;  // of the rows that chose one expert
};

kernels::FoldArguments fold_arguments(const models::FoldOp& op);

}  // namespace stateline::engine
