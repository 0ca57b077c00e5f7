#include "engine/cuda_device.h"

#include "engine/cuda_executor.h"

namespace stateline::engine {

std::shared_ptr<CudaDevice> CudaDevice::open(const cuda::Library& library, int index) {
  cuda::Gpu* gpu = nullptr;
  check(library.open(index, &gpu));
  return std::shared_ptr<CudaDevice>(new CudaDevice(index, {&library, gpu}));
}

CudaDevice::~CudaDevice() { gpu_.library->close(gpu_.gpu); }

std::byte* CudaDevice::allocate(std::size_t bytes) {
  std::byte* memory = nullptr;
  check(gpu_.library->allocate(gpu_.gpu, bytes, true, &memory));
  return memory;
}

void CudaDevice::release(std::byte* memory) noexcept { gpu_.library->release(gpu_.gpu, memory); }

void CudaDevice::copy(std::byte* to, const std::byte* from, std::size_t bytes) {
  gpu_.copy(to, from, bytes);
}

void CudaDevice::write(std::byte* to, std::span<const std::byte> from) { gpu_.write(to, from); }

void CudaDevice::read(std::span<std::byte> to, const std::byte* from) { gpu_.read(to, from); }

std::string CudaDevice::name() const {
  return "cuda:" + std::to_string(index_) + " (" + gpu_.library->name(gpu_.gpu) + ")";
}

std::size_t CudaDevice::slot_bytes(std::size_t K, std::size_t V) const {
  return gpu_.library->slot_bytes(K, V);
}

void CudaDevice::read_slots(std::span<std::byte> stored, const std::byte* slots, std::size_t K,
                            std::size_t V) {
  const std::size_t count = stored.size() / kernels::slot_bytes(K, V);
  check(gpu_.library->read_slots(gpu_.gpu, stored.data(), slots, count, K, V));
}

void CudaDevice::write_slots(std::byte* slots, std::span<const std::byte> stored, std::size_t K,
                             std::size_t V) {
  const std::size_t count = stored.size() / kernels::slot_bytes(K, V);
  check(gpu_.library->write_slots(gpu_.gpu, slots, stored.data(), count, K, V));
}

void CudaDevice::fold(const models::FoldOp&) {
  throw Error(ErrorCode::kDevice, "A GPU keeps no log of a recurrent memory to fold.");
}

std::unique_ptr<Executor> CudaDevice::make_executor(const Model& model, unsigned) {
  return std::make_unique<CudaExecutor>(shared_from_this(), gpu_, model);
}

}  // namespace stateline::engine
