#include "kernels/thread_pool.h"

#include <algorithm>
#include <new>

#include "kernels/processor.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>  // _mm_pause
#endif

namespace stateline::kernels {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Waking costs the caller a system call (~5 us); the helper comes some 50 us later, and then stays
// awake for what follows. A helper that is awake already joins within 1 us.
constexpr double kWorthWakingNs = 30e3;
constexpr double kWorthSharingNs = 10e3;
constexpr double kBlockNs = 4e3;        // a claim costs ~0.2 us; shorter blocks only add traffic
constexpr microseconds kSlowJoin{200};  // longer than any block lasts: the helper lost its core
constexpr int kSlowJoinsBeforeRest = 3;
constexpr int kCleanJoinsToForget = 20;
constexpr milliseconds kFirstRest{4};
constexpr milliseconds kLongestRest{32};
constexpr microseconds kHelperPatience{
    20};  // a helper looks this long for the next job before it sleeps
constexpr microseconds kHelperSlice{
    2500};                               // below what Linux grants at once beside another (~3-4 ms)
constexpr microseconds kLostCore{1000};  // no block lasts as long: the helper was away meanwhile
constexpr uint32_t kCallerPatience = 2000;  // polls (~20 us) for a claimed block before the futex
constexpr std::align_val_t kAlignment{64};

inline void pause_cpu() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void ThreadPool::Free::operator()(std::byte* memory) const {
  ::operator delete(memory, kAlignment);
}

ThreadPool::ThreadPool(unsigned threads) : rest_(kFirstRest) {
  helpers_.reserve(threads);
  try {
    for (unsigned i = 1; i < threads; ++i) helpers_.emplace_back([this] { help(); });
  } catch (...) {
    join_helpers();
    throw;
  }
}

ThreadPool::~ThreadPool() { join_helpers(); }

void ThreadPool::join_helpers() {
  stopping_.store(true, std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

std::byte* ThreadPool::scratch(size_t bytes) {
  if (bytes > scratch_bytes_) {
    const size_t wanted = std::max(bytes, scratch_bytes_ * 2);
    scratch_.reset();
    scratch_bytes_ = 0;  // until there is more
    scratch_.reset(static_cast<std::byte*>(::operator new(wanted, kAlignment)));
    scratch_bytes_ = wanted;
  }
  return scratch_.get();
}

size_t ThreadPool::blocks_for(size_t units, double cost_ns) const {
  if (helpers_.empty() || units == 0) return std::min<size_t>(units, 1);
  const auto by_cost = static_cast<size_t>(cost_ns / kBlockNs);
  return std::clamp<size_t>(by_cost, 1, std::min<size_t>(units, 16 * threads()));
}

bool ThreadPool::claim(size_t* block, void** object, BlockFunction::Call* call) {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while ((ticket & 0xffffffffu) != 0) {
    const uint32_t blocks = blocks_.load(std::memory_order_relaxed);
    *object = object_.load(std::memory_order_relaxed);
    *call = call_.load(std::memory_order_relaxed);
    if (ticket_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel)) {
      *block = blocks - static_cast<uint32_t>(ticket);
      return true;
    }
  }
  return false;
}

bool ThreadPool::in_the_way() {
  const int processor = current_processor();
  if (processor < 0 || processor != caller_processor_.load(std::memory_order_relaxed)) return false;
  return !leave_processor(processor) ||
         current_processor() == caller_processor_.load(std::memory_order_relaxed);
}

// One helper's share of a job.
void ThreadPool::work_while_useful() {
  thread_local Clock::time_point slice_begin{}, last_seen{};
  if (Clock::now() - last_seen > kLostCore) slice_begin = Clock::now();
  size_t block;
  void* object;
  BlockFunction::Call call;
  while (!in_the_way() && claim(&block, &object, &call)) {
    call(object, block);
    finished_.fetch_add(1, std::memory_order_acq_rel);
    finished_.notify_one();
    const Clock::time_point now = Clock::now();
    if (now - last_seen > kLostCore) slice_begin = now;
    last_seen = now;
    if (now - slice_begin > kHelperSlice) {  // better here than inside a block
      std::this_thread::yield();
      slice_begin = last_seen = Clock::now();
    }
  }
}

void ThreadPool::help() {
  uint32_t seen = epoch_.load(std::memory_order_acquire);
  while (!stopping_.load(std::memory_order_acquire)) {
    work_while_useful();
    watching_.fetch_add(1, std::memory_order_relaxed);
    const Clock::time_point idle_since = Clock::now();
    while (epoch_.load(std::memory_order_acquire) == seen &&
           Clock::now() - idle_since < kHelperPatience) {
      pause_cpu();
    }
    watching_.fetch_sub(1, std::memory_order_relaxed);
    epoch_.wait(seen, std::memory_order_acquire);  // returns at once if there is news already
    seen = epoch_.load(std::memory_order_acquire);
  }
}

bool ThreadPool::worth_splitting(size_t blocks, double cost_ns) const {
  const bool awake = watching_.load(std::memory_order_relaxed) > 0;
  return !helpers_.empty() && blocks >= 2 && cost_ns >= (awake ? kWorthSharingNs : kWorthWakingNs);
}

// Takes the helpers for this caller, unless another has them or they rest.
bool ThreadPool::take_helpers() {
  if (in_use_.exchange(true, std::memory_order_acquire)) return false;
  if (slow_joins_ < kSlowJoinsBeforeRest || Clock::now() >= rest_until_) return true;
  in_use_.store(false, std::memory_order_release);
  return false;
}

void ThreadPool::judge_wait(Clock::time_point begin, Clock::time_point end) {
  if (end - begin < kSlowJoin) {
    if (++clean_joins_ >= kCleanJoinsToForget) {
      slow_joins_ = 0;
      rest_ = kFirstRest;
    }
    return;
  }
  clean_joins_ = 0;
  if (++slow_joins_ < kSlowJoinsBeforeRest) return;
  rest_until_ = end + rest_;
  rest_ = std::min(rest_ * 2, kLongestRest);
}

void ThreadPool::run(size_t blocks, double cost_ns, BlockFunction function) {
  if (!worth_splitting(blocks, cost_ns) || !take_helpers()) {
    for (size_t block = 0; block < blocks; ++block) function.call()(function.object(), block);
    return;
  }
  caller_processor_.store(current_processor(), std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  blocks_.store(static_cast<uint32_t>(blocks), std::memory_order_relaxed);
  object_.store(function.object(), std::memory_order_relaxed);
  call_.store(function.call(), std::memory_order_relaxed);
  const uint64_t generation = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
  ticket_.store(generation << 32 | blocks, std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_release);
  for (size_t i = 0; i < std::min(helpers_.size(), blocks - 1); ++i) epoch_.notify_one();

  uint32_t own = 0;
  size_t block;
  void* object;
  BlockFunction::Call call;
  for (; claim(&block, &object, &call); ++own) call(object, block);

  const uint32_t expected = static_cast<uint32_t>(blocks) - own;
  const Clock::time_point begin = Clock::now();
  for (uint32_t polls = 0; finished_.load(std::memory_order_acquire) != expected; ++polls) {
    if (polls < kCallerPatience) {
      pause_cpu();
      continue;
    }
    const uint32_t finished = finished_.load(std::memory_order_acquire);
    if (finished != expected) finished_.wait(finished, std::memory_order_acquire);
  }
  judge_wait(begin, Clock::now());
  in_use_.store(false, std::memory_order_release);
}

}  // namespace stateline::kernels
