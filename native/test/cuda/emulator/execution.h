// Runs a grid: blocks one after another, the threads of a block as fibers in an order drawn by a
// seed. Every wait is a rendezvous here, so whoever waits for someone who never comes is found.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

#include "fault.h"
#include "fiber.h"
#include "memory.h"

namespace stateline::emulator {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr Dim3(unsigned dim_x = 1, unsigned dim_y = 1, unsigned dim_z = 1)
      : x(dim_x), y(dim_y), z(dim_z) {}
  constexpr uint64_t count() const { return uint64_t{x} * y * z; }
};

struct Indices {
  Dim3 grid_dim, block_dim, block_index, thread_index;
};

// A barrier in the source.
using Site = std::pair<std::string, unsigned>;  // file, line

constexpr unsigned kWarp = 32;
constexpr size_t kSharedBytes = 48 << 10;  // what a block may declare statically on every target

// m16n8k16 of one warp: each lane's part of A, B and C, as mma.sync has them.
struct MatrixPart {
  const uint32_t* a;  // [4] two bf16 each
  const uint32_t* b;  // [2]
  float* c;           // [4]
};

class Device {
 public:
  static Device& get();
  // Held by whoever launches or manages memory: the emulator does one thing at a time.
  static std::recursive_mutex& mutex();

  // ---- what a test sets
  void seed(uint32_t value) { random_.seed(value); }
  // A barrier that does nothing, to see that its absence shows.
  std::optional<Site> ignored_barrier;
  // All barriers (block and warp) that were met.
  std::set<Site> barriers;
  // Shuffles so far.
  uint64_t shuffles = 0;
  // Every shuffle gives the value of the wrong neighbour, to see that this shows.
  bool cross_lanes = false;

  // What each thread runs.
  using Body = void (*)(const void* context);

  // Throws the first Fault.
  void launch(Dim3 grid, Dim3 block, Body body, const void* context);

  // ---- what a running thread calls
  Indices indices;
  void* shared(size_t bytes);
  void block_barrier(const std::source_location& at);
  void warp_barrier(unsigned mask, const std::source_location& at);
  // out[lane] = value of each lane of the mask; not a memory barrier, as on the device.
  void exchange(unsigned mask, uint64_t value, std::array<uint64_t, kWarp>& out,
                const std::source_location& at);
  void multiply(const MatrixPart& part, const std::source_location& at);
  void touch(uintptr_t address, size_t bytes, bool write, bool atomic = false);
  // A read and a write that no other atomic one comes between.
  void touch_atomically(const void* place, size_t bytes) {
    touch(reinterpret_cast<uintptr_t>(place), bytes, false, true);
    touch(reinterpret_cast<uintptr_t>(place), bytes, true, true);
  }
  [[noreturn]] void fail(const Fault& fault);
  [[noreturn]] void fail_lane(unsigned lane, const std::source_location& at);

 private:
  enum class Wait { nothing, block, warp };
  struct Thread {
    Fiber fiber;
    Wait wait = Wait::nothing;
    std::source_location at;
    bool finished = false;
    uint64_t value = 0;
    std::array<uint64_t, kWarp>* out = nullptr;
    MatrixPart part{};
    unsigned mask = 0;
  };
  enum class WarpOperation { barrier, exchange, multiply };

  Device();
  void run_block();
  void switch_to(unsigned index);
  void wait(Wait what, const std::source_location& at);
  void meet_warp(WarpOperation operation, unsigned mask, const std::source_location& at);
  void complete(WarpOperation operation, unsigned warp, unsigned mask);
  bool ignores(const std::source_location& at);
  void report_deadlock();
  unsigned self() const { return static_cast<unsigned>(current_ - threads_.data()); }
  static std::string place(const std::source_location& at);

  std::mt19937 random_;
  // What other threads of the host touch meanwhile is no kernel's.
  std::atomic<std::thread::id> launcher_;
  std::vector<Thread> threads_;  // [1024], of which block_dim.count() are in use
  unsigned thread_count_ = 0;
  Thread* current_ = nullptr;
  std::vector<unsigned> runnable_;
  unsigned waiting_in_block_ = 0;
  std::array<uint32_t, kWarp> warp_era_{};
  uint32_t era_ = 0, block_begin_ = 0, launch_begin_ = 0;
  std::unique_ptr<std::byte[]> arena_;
  Region* arena_region_ = nullptr;
  size_t shared_bytes_ = 0;
  std::optional<Fault> fault_;
  bool judging_ = false;  // what a fault's own sentence touches is no kernel's doing
  Body body_ = nullptr;
  const void* context_ = nullptr;
};

}  // namespace stateline::emulator
