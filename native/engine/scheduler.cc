#include "engine/scheduler.h"

#include <algorithm>
#include <optional>

namespace stateline::engine {
namespace {

const Error kCancelledError(ErrorCode::kCancelled, "The request was cancelled.");

// Runs one chunk; whatever is thrown becomes an Error for the job that threw it.
struct ChunkOutcome {
  bool done = false;
  std::optional<Error> error;
};

ChunkOutcome run_chunk(Job& job) {
  try {
    return {job.run_chunk(), std::nullopt};
  } catch (...) {
    return {false, current_error()};
  }
}

}  // namespace

Scheduler::Scheduler(std::function<void()> on_stopped)
    : on_stopped_(std::move(on_stopped)), thread_([this] { run(); }) {}

Scheduler::~Scheduler() {
  stop();
  join();
}

void Scheduler::submit(std::unique_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      jobs_.push_back(std::move(job));
      wake_.notify_one();
      return;
    }
  }
  job->fail(kCancelledError);
}

void Scheduler::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  wake_.notify_one();
}

void Scheduler::join() {
  if (thread_.joinable()) thread_.join();
}

void Scheduler::run() {
  while (Job* job = next()) {
    if (!job->cancelled()) {
      const ChunkOutcome outcome = run_chunk(*job);
      if (outcome.done || outcome.error) finish(job, outcome.error ? &*outcome.error : nullptr);
    }
    fail_all([](const Job& waiting) { return waiting.cancelled(); });
  }
  on_stopped_();
}

Job* Scheduler::next() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
  if (stopping_) {
    lock.unlock();
    fail_all([](const Job&) { return true; });
    return nullptr;
  }
  // The first of the most urgent: min_element keeps the order of arrival among equals.
  const auto urgent =
      std::min_element(jobs_.begin(), jobs_.end(),
                       [](const auto& a, const auto& b) { return a->priority() < b->priority(); });
  return urgent->get();
}

// Takes the job out first: its callback may submit the next one.
void Scheduler::finish(Job* job, const Error* error) {
  const std::unique_ptr<Job> owned = take([job](const Job& entry) { return &entry == job; });
  if (error != nullptr) {
    owned->fail(*error);
  } else {
    owned->succeed();
  }
}

// One by one, since the engine thread must need no memory to let go of jobs.
template <typename Which>
void Scheduler::fail_all(const Which& which) {
  while (const std::unique_ptr<Job> job = take(which)) job->fail(kCancelledError);
}

// Out of the queue; null if there is none such.
template <typename Which>
std::unique_ptr<Job> Scheduler::take(const Which& which) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(jobs_.begin(), jobs_.end(),
                                  [&](const std::unique_ptr<Job>& job) { return which(*job); });
  if (found == jobs_.end()) return nullptr;
  std::unique_ptr<Job> taken = std::move(*found);
  jobs_.erase(found);
  return taken;
}

}  // namespace stateline::engine
