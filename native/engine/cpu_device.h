// The processor: states in main memory, the forward pass of engine/forward.h.
#pragma once

#include "engine/device.h"
#include "engine/free_blocks.h"

namespace stateline::engine {

class CpuDevice : public Device {
 public:
  std::byte* allocate(std::size_t bytes) override;
  void release(std::byte* memory) noexcept override;
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) override;
  void write(std::byte* to, std::span<const std::byte> from) override;
  void read(std::span<std::byte> to, const std::byte* from) override;

  std::string name() const override;
  std::size_t slot_bytes(std::size_t K, std::size_t V) const override;
  void read_slots(std::span<std::byte> stored, const std::byte* slots, std::size_t K,
                  std::size_t V) override;
  void write_slots(std::byte* slots, std::span<const std::byte> stored, std::size_t K,
                   std::size_t V) override;
  std::size_t log_bytes(const models::RecurrentMemory& memory) const override;
  void fold(const models::FoldOp& op) override;
  bool shares_memory_with(const Device& other) const override;
  std::unique_ptr<Executor> make_executor(const Model& model, unsigned threads) override;

 private:
  FreeBlocks blocks_;
};

}  // namespace stateline::engine
