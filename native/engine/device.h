// A device as one model uses it: where its states lie, how, and who computes with them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "engine/storage.h"
#include "kernels/attention.h"
#include "models/ops.h"

namespace stateline::engine {

class Executor;
class Model;

class Device : public Storage {
 public:
  // For a person: "cpu", "cuda:0 (NVIDIA A100)".
  virtual std::string name() const = 0;

  // Of one head's part of a page, which the device lays out as its kernels like it.
  virtual std::size_t slot_bytes(std::size_t K, std::size_t V) const = 0;
  // Slots one after another, to and from main memory and the layout of kernels/attention.h, in
  // which states are stored: `stored` is [count, kernels::slot_bytes(K, V)].
  virtual void read_slots(std::span<std::byte> stored, const std::byte* slots, std::size_t K,
                          std::size_t V) = 0;
  virtual void write_slots(std::byte* slots, std::span<const std::byte> stored, std::size_t K,
                           std::size_t V) = 0;

  // Of a layer's part of a page of the log of recurrent memory; 0 if the device keeps none for such
  // heads: where it is smaller than their matrices, the states of one text share these.
  virtual std::size_t log_bytes(const models::RecurrentMemory& memory) const = 0;
  // Of states whose memory is logged; on any thread.
  virtual void fold(const models::FoldOp& op) = 0;

  // Whether its memory may be read here as if it were this device's own.
  virtual bool shares_memory_with(const Device& other) const = 0;

  // Puts the weights where the device computes with them. `threads`: of the processor.
  virtual std::unique_ptr<Executor> make_executor(const Model& model, unsigned threads) = 0;
};

}  // namespace stateline::engine
