#include "engine/cpu_device.h"

#include <cstring>

#include "engine/executor.h"
#include "engine/forward.h"
#include "engine/model.h"

namespace stateline::engine {
namespace {

class CpuExecutor : public Executor {
 public:
  CpuExecutor(const Model& model, unsigned threads)
      : pool_(threads),
        forward_(model, pool_, kPrefillChunk),
        head_(model, pool_, kScoreRows),
        hidden_size_(model.plan().hidden_size) {}

  void advance(Branch& branch, std::span<const std::int32_t> tokens, Wanted wanted) override {
    forward_.advance(branch, tokens, wanted);
  }
  std::vector<StatePtr> advance_through(Branch& branch, std::span<const std::int32_t> tokens,
                                        std::span<const std::size_t> checkpoints) override {
    return forward_.advance_through(branch, tokens, checkpoints);
  }
  void step(std::span<Branch* const> branches, std::span<const std::int32_t> tokens) override {
    forward_.step(branches, tokens);
  }
  void logits_of_rows(std::size_t first, std::size_t rows, float* out) override {
    head_.compute(forward_.hidden() + first * hidden_size_, rows, out);
  }
  void logits(std::span<const Buffer* const> hidden, float* out) override {
    head_.compute(hidden, out);
  }
  unsigned threads() const override { return pool_.threads(); }

 private:
  kernels::ThreadPool pool_;
  Forward forward_;
  LogitsHead head_;
  std::size_t hidden_size_;
};

}  // namespace

std::byte* CpuDevice::allocate(std::size_t bytes) {
  std::byte* memory = blocks_.take(bytes);
  std::memset(memory, 0, bytes);
  return memory;
}

void CpuDevice::release(std::byte* memory) noexcept { blocks_.give(memory); }

void CpuDevice::copy(std::byte* to, const std::byte* from, std::size_t bytes) {
  std::memcpy(to, from, bytes);
}

void CpuDevice::write(std::byte* to, std::span<const std::byte> from) {
  std::memcpy(to, from.data(), from.size());
}

void CpuDevice::read(std::span<std::byte> to, const std::byte* from) {
  std::memcpy(to.data(), from, to.size());
}

std::string CpuDevice::name() const { return "cpu"; }

std::size_t CpuDevice::slot_bytes(std::size_t K, std::size_t V) const {
  return kernels::slot_bytes(K, V);
}

// Slots are stored as they lie here.
void CpuDevice::read_slots(std::span<std::byte> stored, const std::byte* slots, std::size_t,
                           std::size_t) {
  read(stored, slots);
}

void CpuDevice::write_slots(std::byte* slots, std::span<const std::byte> stored, std::size_t,
                            std::size_t) {
  write(slots, stored);
}

std::size_t CpuDevice::log_bytes(const models::RecurrentMemory& memory) const {
  const std::size_t bytes =
      kernels::log_bytes(memory.heads, memory.heads / memory.key_heads, memory.K, memory.V);
  return bytes < memory.floats() * sizeof(float) ? bytes : 0;
}

void CpuDevice::fold(const models::FoldOp& op) {
  kernels::ThreadPool alone(1);
  kernels::kernels().log_fold(alone, fold_arguments(op));
}

bool CpuDevice::shares_memory_with(const Device& other) const {
  return dynamic_cast<const CpuDevice*>(&other) != nullptr;
}

std::unique_ptr<Executor> CpuDevice::make_executor(const Model& model, unsigned threads) {
  return std::make_unique<CpuExecutor>(model, threads);
}

}  // namespace stateline::engine
