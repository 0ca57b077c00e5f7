// An NVIDIA GPU, by way of the library stateline_cuda. What it cannot do it says by an
// Error(kDevice), after which a client goes on with the processor.
#pragma once

#include "engine/cuda_memory.h"
#include "engine/device.h"

namespace stateline::engine {

class CudaDevice : public Device, public std::enable_shared_from_this<CudaDevice> {
 public:
  // GPU number `index` of CUDA's. The library outlives the device.
  static std::shared_ptr<CudaDevice> open(const cuda::Library& library, int index);
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

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
  // A GPU keeps no log: its states have matrices of their own.
  std::size_t log_bytes(const models::RecurrentMemory&) const override { return 0; }
  void fold(const models::FoldOp& op) override;
  bool shares_memory_with(const Device& other) const override { return &other == this; }
  std::unique_ptr<Executor> make_executor(const Model& model, unsigned threads) override;

 private:
  CudaDevice(int index, CudaGpu gpu) : index_(index), gpu_(gpu) {}

  int index_;
  CudaGpu gpu_;  // owned
};

}  // namespace stateline::engine
