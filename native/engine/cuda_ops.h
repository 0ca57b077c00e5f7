// A GPU's operations: each is a launch of a kernel, or is refused if there is none for it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/cuda_memory.h"
#include "engine/cuda_weights.h"
#include "models/ops.h"

namespace stateline::engine {

class CudaOps : public models::Ops {
 public:
  // For networks of a family, with passes of at most `max_rows` tokens. Begins as a rehearsal:
  // nothing is launched, but an operation that the kernels cannot do throws Error(kDevice) with one
  // sentence, and the others say what workspace they will want.
  CudaOps(CudaGpu gpu, std::string family, std::size_t max_rows);
  // Ends the rehearsal. The weights are borrowed.
  void begin(const CudaWeights& weights);

  // Brings the tokens that embed() will be given to the GPU, and what rotate() counts positions
  // from.
  void put_tokens(std::span<const std::int32_t> tokens, std::uint64_t origin);
  // Launches the step's operations, or replays them.
  template <class Launches>
  void run_step(const cuda::Step& step, const Launches& launches);

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
  // Not within a step.
  void copy(void* to, const void* from, std::size_t bytes) override;

 private:
  struct Close {
    CudaGpu gpu;
    void operator()(cuda::Queue* queue) const { gpu.library->close_queue(queue); }
  };

  // A layer's experts where the GPU reads them.
  struct ExpertTables {
    std::span<const models::ExpertsOp::Expert> experts;
    CudaArray<kernels::cuda::WeightMatrix> gate_up, down;
  };

  // Whether to launch: throws unless there is a kernel for what is asked.
  bool launches(bool has_kernel) const;
  const float* at(const std::optional<models::Vector>& vector) const {
    return vector ? (*weights_)[*vector] : nullptr;
  }
  template <class Arguments>
  void launch(cuda::Launch<Arguments>* function, const Arguments& arguments) {
    check(function(queue_.get(), &arguments));
  }

  CudaGpu gpu_;
  std::string family_;
  std::unique_ptr<cuda::Queue, Close> queue_;
  const CudaWeights* weights_ = nullptr;  // null in the rehearsal
  CudaArray<std::int32_t> tokens_;
  CudaArray<std::uint64_t> origin_;
  std::optional<std::uint64_t> written_origin_;
  std::size_t ssd_floats_ = 0, attention_floats_ = 0,
              experts_bytes_ = 0;  // the most that is wanted
  CudaArray<float> ssd_workspace_, attention_workspace_;
  CudaArray<std::byte> experts_workspace_;
  std::map<const models::ExpertsOp::Expert*, ExpertTables> expert_tables_;  // by the first
};

template <class Launches>
void CudaOps::run_step(const cuda::Step& step, const Launches& launches) {
  // No exception passes through the library.
  struct Call {
    const Launches& launches;
    std::exception_ptr failure;
  } call{launches, nullptr};
  const char* const sentence = gpu_.library->run_step(
      queue_.get(), &step,
      [](void* context) {
        auto& made = *static_cast<Call*>(context);
        try {
          made.launches();
        } catch (...) {
          made.failure = std::current_exception();
        }
        return made.failure == nullptr;
      },
      &call);
  if (call.failure) std::rethrow_exception(call.failure);
  check(sentence);
}

}  // namespace stateline::engine
