#include "execution.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace stateline::emulator {
namespace {

constexpr unsigned kMaxThreads = 1024;
// One touch of memory in so many lets another thread go first.
constexpr unsigned kPreemption = 64;

}  // namespace

Device& Device::get() {
  static Device device;
  return device;
}

std::recursive_mutex& Device::mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

Device::Device() : threads_(kMaxThreads), arena_(new std::byte[kSharedBytes]) {}

std::string Device::place(const std::source_location& at) {
  const std::string file = at.file_name();
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(at.line());
}

// ---------------------------------------------------------------- the grid

void Device::launch(Dim3 grid, Dim3 block, Body body, const void* context) {
  const std::lock_guard lock(mutex());
  launcher_ = std::this_thread::get_id();
  if (grid.count() == 0 || block.count() == 0 || block.count() > kMaxThreads ||
      block.count() % kWarp != 0 || grid.y > 65535 || grid.z > 65535)
    throw Fault(FaultKind::launch, "a grid of " + std::to_string(grid.count()) + " blocks of " +
                                       std::to_string(block.count()) + " threads");
  indices.grid_dim = grid;
  indices.block_dim = block;
  body_ = body;
  context_ = context;
  thread_count_ = static_cast<unsigned>(block.count());
  launch_begin_ = era_ + 1;
  std::vector<uint64_t> order(grid.count());
  for (uint64_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random_);
  for (const uint64_t i : order) {
    indices.block_index =
        Dim3(static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
             static_cast<unsigned>(i / grid.x / grid.y));
    run_block();
  }
}

void Device::run_block() {
  block_begin_ = ++era_;
  warp_era_.fill(0);
  waiting_in_block_ = 0;
  shared_bytes_ = 0;
  runnable_.clear();
  for (unsigned i = 0; i < thread_count_; ++i) {
    threads_[i].wait = Wait::nothing;
    threads_[i].finished = false;
    runnable_.push_back(i);
  }
  unsigned left = thread_count_;
  while (left > 0 && !fault_) {
    if (runnable_.empty()) {
      report_deadlock();
      break;
    }
    const size_t pick = random_() % runnable_.size();
    const unsigned index = runnable_[pick];
    runnable_[pick] = runnable_.back();
    runnable_.pop_back();
    switch_to(index);
    if (threads_[index].finished) --left;
  }
  if (arena_region_) Memory::device().remove(arena_.get());
  arena_region_ = nullptr;
  if (!fault_) return;
  judging_ = false;
  for (unsigned i = 0; i < thread_count_; ++i) threads_[i].fiber.abandon();
  const Fault fault = *std::exchange(fault_, std::nullopt);
  throw fault;
}

void Device::switch_to(unsigned index) {
  current_ = &threads_[index];
  indices.thread_index =
      Dim3(index % indices.block_dim.x, index / indices.block_dim.x % indices.block_dim.y,
           index / indices.block_dim.x / indices.block_dim.y);
  current_->fiber.resume([] { get().body_(get().context_); });
  if (current_->fiber.finished()) {
    current_->finished = true;
  } else if (current_->wait == Wait::nothing) {
    runnable_.push_back(index);  // it was only interrupted
  }
  current_ = nullptr;
}

void Device::report_deadlock() {
  std::string text;
  for (unsigned i = 0; i < thread_count_; ++i) {
    if (threads_[i].finished) continue;
    text = "thread " + std::to_string(i) + " waits at " + place(threads_[i].at);
    break;
  }
  for (unsigned i = 0; i < thread_count_; ++i) {
    if (!threads_[i].finished) continue;
    text += " for thread " + std::to_string(i) + ", which has left";
    break;
  }
  fault_.emplace(FaultKind::divergence, text);
}

void Device::fail_lane(unsigned lane, const std::source_location& at) {
  fail({FaultKind::wrong_lane, "thread " + std::to_string(self()) + " asks lane " +
                                   std::to_string(lane) + ", which does not take part, at " +
                                   place(at)});
}

void Device::fail(const Fault& fault) {
  if (!fault_) fault_ = fault;
  for (;;) current_->fiber.yield();  // abandoned by run_block
}

// ---------------------------------------------------------------- rendezvous

bool Device::ignores(const std::source_location& at) {
  const Site site{at.file_name(), at.line()};
  barriers.insert(site);
  return ignored_barrier == site;
}

void Device::wait(Wait what, const std::source_location& at) {
  current_->wait = what;
  current_->at = at;
  current_->fiber.yield();
}

void Device::block_barrier(const std::source_location& at) {
  if (ignores(at)) return;
  if (++waiting_in_block_ < thread_count_) return wait(Wait::block, at);
  waiting_in_block_ = 0;
  ++era_;
  for (unsigned i = 0; i < thread_count_; ++i) {
    if (&threads_[i] == current_) continue;
    if (threads_[i].at.line() != at.line())
      fail({FaultKind::divergence, "thread " + std::to_string(i) + " is at the barrier " +
                                       place(threads_[i].at) + ", thread " +
                                       std::to_string(self()) + " at " + place(at)});
    threads_[i].wait = Wait::nothing;
    runnable_.push_back(i);
  }
}

void Device::warp_barrier(unsigned mask, const std::source_location& at) {
  if (!ignores(at)) meet_warp(WarpOperation::barrier, mask, at);
}

void Device::exchange(unsigned mask, uint64_t value, std::array<uint64_t, kWarp>& out,
                      const std::source_location& at) {
  current_->value = value;
  current_->out = &out;
  meet_warp(WarpOperation::exchange, mask, at);
}

void Device::multiply(const MatrixPart& part, const std::source_location& at) {
  current_->part = part;
  meet_warp(WarpOperation::multiply, ~0u, at);
}

void Device::meet_warp(WarpOperation operation, unsigned mask, const std::source_location& at) {
  const unsigned warp = self() / kWarp;
  if (!(mask >> self() % kWarp & 1))
    fail({FaultKind::wrong_lane,
          "thread " + std::to_string(self()) + " is not in the mask it gives at " + place(at)});
  current_->mask = mask;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const Thread& other = threads_[warp * kWarp + lane];
    if (&other == current_ || !(mask >> lane & 1)) continue;
    if (other.wait != Wait::warp) return wait(Wait::warp, at);
    if (other.at.line() != at.line() || other.mask != mask)
      fail({FaultKind::divergence, "lane " + std::to_string(lane) + " waits at " + place(other.at) +
                                       ", thread " + std::to_string(self()) + " at " + place(at)});
  }
  complete(operation, warp, mask);
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    Thread& other = threads_[warp * kWarp + lane];
    if (&other == current_ || !(mask >> lane & 1)) continue;
    other.wait = Wait::nothing;
    runnable_.push_back(warp * kWarp + lane);
  }
}

// The last to come does the work for all, while the others' stacks stand still.
void Device::complete(WarpOperation operation, unsigned warp, unsigned mask) {
  Thread* const lanes = &threads_[warp * kWarp];
  if (operation == WarpOperation::barrier) {
    ++warp_era_[warp];
  } else if (operation == WarpOperation::exchange) {
    for (unsigned to = 0; to < kWarp; ++to) {
      if (!(mask >> to & 1)) continue;
      for (unsigned from = 0; from < kWarp; ++from)
        (*lanes[to].out)[from] = mask >> from & 1 ? lanes[from].value : 0;
    }
  } else {
    const auto half = [](uint32_t word, unsigned i) {
      return std::bit_cast<float>(i ? word & 0xffff0000u : word << 16);
    };
    float A[16][16], B[16][8];
    for (unsigned lane = 0; lane < kWarp; ++lane) {
      const unsigned group = lane / 4, pair = lane % 4 * 2;
      for (unsigned i = 0; i < 8; ++i)  // PTX ISA, "Matrix fragments for mma.m16n8k16", .bf16
        A[group + i / 2 % 2 * 8][pair + i / 4 * 8 + i % 2] = half(lanes[lane].part.a[i / 2], i % 2);
      for (unsigned i = 0; i < 4; ++i)
        B[pair + i / 2 * 8 + i % 2][group] = half(lanes[lane].part.b[i / 2], i % 2);
    }
    for (unsigned lane = 0; lane < kWarp; ++lane) {
      for (unsigned i = 0; i < 4; ++i) {
        float sum = 0;
        for (unsigned n = 0; n < 16; ++n)
          sum += A[lane / 4 + i / 2 * 8][n] * B[n][lane % 4 * 2 + i % 2];
        lanes[lane].part.c[i] += sum;
      }
    }
  }
}

// ---------------------------------------------------------------- memory

// One object a block, poisoned (NaN as float and as bf16) and unwritten when the block begins.
void* Device::shared(size_t bytes) {
  if (bytes > kSharedBytes)
    fail({FaultKind::launch, std::to_string(bytes) + " bytes of shared memory"});
  std::byte* const begin = arena_.get();
  if (!arena_region_) {
    std::memset(begin, 0xff, bytes);
    shared_bytes_ = bytes;
    arena_region_ = &Memory::device().add("shared memory", begin, bytes);
  } else if (bytes != shared_bytes_) {
    fail({FaultKind::launch, "a block with two kinds of shared memory"});
  }
  return begin;
}

void Device::touch(uintptr_t address, size_t bytes, bool write, bool atomic) {
  if (launcher_.load(std::memory_order_relaxed) != std::this_thread::get_id()) return;
  if (judging_ || !current_ || current_->fiber.owns(address)) return;
  if (random_() % kPreemption == 0) current_->fiber.yield();
  judging_ = true;
  const Toucher who{block_begin_, era_, warp_era_[self() / kWarp], static_cast<uint16_t>(self()),
                    atomic};
  Region* region = Memory::device().find(address, bytes);
  if (!region)
    fail({FaultKind::out_of_bounds, "thread " + std::to_string(who.thread) +
                                        (write ? " writes " : " reads ") + std::to_string(bytes) +
                                        " bytes at " + Memory::device().nearest(address)});
  if (address % std::bit_floor(bytes) != 0)
    fail({FaultKind::out_of_bounds, "thread " + std::to_string(who.thread) + " touches " +
                                        std::to_string(bytes) + " bytes of '" + region->name() +
                                        "' at an address that is not a multiple of that"});
  const auto fault = write ? region->write(address, bytes, who, launch_begin_)
                           : region->read(address, bytes, who, launch_begin_);
  if (fault) fail(*fault);
  judging_ = false;
}

}  // namespace stateline::emulator
