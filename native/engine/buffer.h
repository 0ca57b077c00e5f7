// Memory of states: zeroed, and counted, so that JavaScript's collector can be told.
#pragma once

#include <cassert>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "engine/storage.h"

namespace stateline::engine {

class Buffer {
 public:
  Buffer(std::size_t bytes, std::shared_ptr<Storage> storage)
      : size_(bytes), storage_(std::move(storage)), data_(storage_->allocate(bytes)) {
    storage_->meter().add(size_);
  }
  ~Buffer() {
    if (data_ == nullptr) return;
    storage_->release(data_);
    storage_->meter().remove(size_);
  }
  Buffer(Buffer&& other) noexcept
      : size_(other.size_),
        storage_(std::move(other.storage_)),
        data_(std::exchange(other.data_, nullptr)) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // Explicit, to make the cost explicit.
  Buffer copy() const {
    Buffer twin(size_, storage_);
    twin.assign(*this);
    return twin;
  }
  // Copies what `other`, of the same size and storage, holds.
  void assign(const Buffer& other) {
    assert(other.size_ == size_ && other.storage_ == storage_);
    storage_->copy(data_, other.data_, size_);
  }

  // From and to main memory, size() bytes.
  void write(std::span<const std::byte> from) {
    assert(from.size() == size_);
    storage_->write(data_, from);
  }
  void read(std::span<std::byte> to) const {
    assert(to.size() == size_);
    storage_->read(to, data_);
  }

  // Addresses in the storage: on a GPU they mean nothing to the processor.
  std::size_t size() const { return size_; }
  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  float* floats() { return reinterpret_cast<float*>(data_); }
  const float* floats() const { return reinterpret_cast<const float*>(data_); }

 private:
  std::size_t size_;
  std::shared_ptr<Storage> storage_;
  std::byte* data_;
};

}  // namespace stateline::engine
