// Splits one operation into blocks that the calling thread and a few helpers claim from one
// counter.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace stateline::kernels {

// A borrowed callable `void(size_t block)`; it must not throw and must outlive the call only.
class BlockFunction {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, BlockFunction>)
      BlockFunction(F&& function)  // NOLINT: implicit, so that a lambda can be passed straight in
      : object_(const_cast<void*>(static_cast<const void*>(&function))),
        call_([](void* object, size_t block) {
          (*static_cast<std::remove_reference_t<F>*>(object))(block);
        }) {}

  using Call = void (*)(void* object, size_t block);
  void* object() const { return object_; }
  Call call() const { return call_; }

 private:
  void* object_;
  Call call_;
};

// Why it looks as it does: a language server shares its cores with compilers and editors, so a
// helper may lose its core at any moment.
//  - The caller always works; it waits only for blocks that a helper has already claimed.
//  - A helper that finds itself on the caller's core takes nothing and moves elsewhere: there it
//  would
//    only stop the caller in order to do the caller's work.
//  - A helper gives up its time slice between blocks, so that it is rarely descheduled inside one.
//  - If the caller still waits long for helpers repeatedly, they are left asleep for a while.
//  - Work that is shorter than a wake-up is not split at all.
// A second caller of run() meanwhile works alone; scratch(), which the products use, has one owner.
class ThreadPool {
 public:
  // `threads` counts the caller: 1 means no helpers. Throws std::system_error if one cannot start.
  explicit ThreadPool(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  unsigned threads() const { return static_cast<unsigned>(helpers_.size()) + 1; }

  // Calls function(0) ... function(blocks - 1), in any order, and returns when all have returned.
  // `cost_ns` estimates the whole operation on one thread, in nanoseconds.
  void run(size_t blocks, double cost_ns, BlockFunction function);

  // How many blocks an operation of `units` equal parts should have: enough to balance, and each
  // long enough (~4 us) to be worth a claim.
  size_t blocks_for(size_t units, double cost_ns) const;

  // Uninitialised memory of the caller, 64-byte aligned, valid until the next scratch() call.
  // Throws std::bad_alloc; what was given before is then gone too.
  // Kernels use it for what they prepare before run(); blocks use their own stack.
  std::byte* scratch(size_t bytes);

 private:
  using Clock = std::chrono::steady_clock;

  struct Free {
    void operator()(std::byte* memory) const;
  };

  void help();
  void join_helpers();
  void work_while_useful();
  bool in_the_way();
  bool claim(size_t* block, void** object, BlockFunction::Call* call);
  bool worth_splitting(size_t blocks, double cost_ns) const;
  bool take_helpers();
  void judge_wait(Clock::time_point begin, Clock::time_point end);

  std::vector<std::thread> helpers_;
  std::unique_ptr<std::byte, Free> scratch_;
  size_t scratch_bytes_ = 0;

  // The published job. ticket = generation << 32 | blocks not yet claimed; the other three are
  // written only while the ticket has none left, so a successful claim proves that they were read
  // whole.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  std::atomic<uint32_t> blocks_{0};
  std::atomic<void*> object_{nullptr};
  std::atomic<BlockFunction::Call> call_{nullptr};

  std::atomic<int> caller_processor_{-1};

  alignas(64) std::atomic<uint32_t> epoch_{0};     // moves when there is work; helpers sleep on it
  alignas(64) std::atomic<uint32_t> finished_{0};  // blocks finished by helpers in this job
  std::atomic<uint32_t> watching_{0};              // helpers awake without work
  std::atomic<bool> stopping_{false};
  std::atomic<bool> in_use_{false};

  // Back-off, touched only by the caller that holds in_use_.
  int slow_joins_ = 0;
  int clean_joins_ = 0;
  std::chrono::milliseconds rest_;
  Clock::time_point rest_until_{};
};

}  // namespace stateline::kernels
