#include "engine/scheduler.h"

#include <algorithm>
#include <exception>
#include <new>

namespace stateline::engine {
namespace {

const Error& cancelled_error() {
  static const Error error(ErrorCode::kCancelled, "The request was cancelled.");
  return error;
}

// Runs one chunk; whatever is thrown becomes an Error for the job that threw it.
struct ChunkOutcome {
  bool done = false;
  std::unique_ptr<Error> error;
};

ChunkOutcome run_chunk(Job& job) {
  ChunkOutcome outcome;
  try {
    outcome.done = job.run_chunk();
  } catch (const Error& error) {
    outcome.error = std::make_unique<Error>(error);
  } catch (const std::bad_alloc&) {
    outcome.error =
        std::make_unique<Error>(ErrorCode::kInvalidState,
                                "There is not enough memory for this state; close other programs, "
                                "or set a higher hybrid ratio or a smaller attention window.");
  } catch (const std::exception& error) {
    outcome.error = std::make_unique<Error>(
        ErrorCode::kInvalidState,
        std::string("The engine failed unexpectedly: ") + error.what() + ".");
  }
  return outcome;
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
  job->fail(cancelled_error());
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
      if (outcome.done || outcome.error) finish(job, outcome.error.get());
    }
    fail_cancelled();
  }
  on_stopped_();
}

Job* Scheduler::next() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
  if (stopping_) {
    const std::deque<std::unique_ptr<Job>> abandoned = std::move(jobs_);
    jobs_.clear();
    lock.unlock();
    for (const std::unique_ptr<Job>& job : abandoned) job->fail(cancelled_error());
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
  std::unique_ptr<Job> owned;
  {
    const std::lock_guard lock(mutex_);
    const auto it = std::find_if(jobs_.begin(), jobs_.end(),
                                 [job](const auto& entry) { return entry.get() == job; });
    owned = std::move(*it);
    jobs_.erase(it);
  }
  if (error != nullptr) {
    owned->fail(*error);
  } else {
    owned->succeed();
  }
}

void Scheduler::fail_cancelled() {
  std::vector<std::unique_ptr<Job>> cancelled;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(jobs_, [&](std::unique_ptr<Job>& job) {
      if (!job->cancelled()) return false;
      cancelled.push_back(std::move(job));
      return true;
    });
  }
  for (const std::unique_ptr<Job>& job : cancelled) job->fail(cancelled_error());
}

}  // namespace stateline::engine
