// One engine thread that runs jobs in chunks: after each chunk the most urgent job goes next, and
// cancelled ones leave. So a completion waits for one chunk of background work at most.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "formats/error.h"

namespace stateline::engine {

enum class Priority { kCompletion, kBackground };

// Shared by whoever may cancel and the job that looks; cancelling twice or too late does no harm.
class Cancellation {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

class Job {
 public:
  Job(Priority priority, std::shared_ptr<const Cancellation> cancellation)
      : priority_(priority), cancellation_(std::move(cancellation)) {}
  virtual ~Job() = default;

  // Runs one chunk on the engine thread; true when the work is done. May throw Error.
  virtual bool run_chunk() = 0;
  // Exactly one of these two is called, once, on the engine thread. They must not throw.
  virtual void succeed() = 0;
  virtual void fail(const Error& error) = 0;

  Priority priority() const { return priority_; }
  bool cancelled() const { return cancellation_ && cancellation_->cancelled(); }

 private:
  Priority priority_;
  std::shared_ptr<const Cancellation> cancellation_;
};

class Scheduler {
 public:
  // `on_stopped` is the engine thread's last act.
  explicit Scheduler(std::function<void()> on_stopped = [] {});
  // Stops, and waits for the chunk that is running.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Takes the job; after stop() it fails at once, on the caller's thread.
  void submit(std::unique_ptr<Job> job);
  // Returns at once; all jobs fail as cancelled after the chunk that is running.
  void stop();
  // Waits for the engine thread to end, after stop().
  void join();

 private:
  void run();
  // The most urgent job that waits, or null once stopped. Waits while there is nothing to do.
  Job* next();
  void finish(Job* job, const Error* error);
  template <typename Which>
  void fail_all(const Which& which);
  template <typename Which>
  std::unique_ptr<Job> take(const Which& which);

  std::function<void()> on_stopped_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;                  // guarded by mutex_
  std::deque<std::unique_ptr<Job>> jobs_;  // guarded by mutex_; in order of arrival
  std::thread thread_;
};

}  // namespace stateline::engine
