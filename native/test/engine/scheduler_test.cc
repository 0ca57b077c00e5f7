// The scheduler: urgency, cancellation and stopping, with jobs whose chunks the test steers.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/scheduler.h"

#include <cerrno>
#include <new>
#include <string>
#include <system_error>

#include "engine_testing.h"

namespace stateline::testing {
namespace {

using engine::Cancellation;
using engine::Job;
using engine::Scheduler;

// Writes down its chunks and its end; `each_chunk` runs inside every chunk, on the engine thread.
class ScriptedJob : public Job {
 public:
  ScriptedJob(
      char name, int chunks, Priority priority, std::string& log, Reply<int> reply,
      std::shared_ptr<const Cancellation> cancellation = nullptr,
      std::function<void(int)> each_chunk = [](int) {})
      : Job(priority, std::move(cancellation)),
        name_(name),
        left_(chunks),
        log_(log),
        reply_(std::move(reply)),
        each_chunk_(std::move(each_chunk)) {}
  bool run_chunk() override {
    log_ += name_;
    each_chunk_(left_);
    return --left_ == 0;
  }
  void succeed() override { reply_.done(0); }
  void fail(const Error& error) override { reply_.failed(error); }

 private:
  char name_;
  int left_;
  std::string& log_;
  Reply<int> reply_;
  std::function<void(int)> each_chunk_;
};

template <typename Result>
ErrorCode failure(Waiting<Result>& waiting) {
  try {
    waiting.get();
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("the job did not fail");
  return ErrorCode::kInvalidArgument;
}

TEST_CASE("a completion goes before the next chunk of background work, equals go by arrival") {
  std::string log;
  Waiting<int> slow, first, second;
  Scheduler scheduler;
  // Both completions arrive while the background job runs its first of four chunks.
  const auto interrupt = [&](int left) {
    if (left != 4) return;
    scheduler.submit(
        std::make_unique<ScriptedJob>('1', 2, Priority::kCompletion, log, first.reply()));
    scheduler.submit(
        std::make_unique<ScriptedJob>('2', 1, Priority::kCompletion, log, second.reply()));
  };
  scheduler.submit(std::make_unique<ScriptedJob>('b', 4, Priority::kBackground, log, slow.reply(),
                                                 nullptr, interrupt));
  slow.get();
  CHECK(log == "b112bbb");
  first.get();
  second.get();
}

TEST_CASE("a cancelled job ends with its chunk, a waiting one before it began") {
  std::string log;
  Waiting<int> running, waiting;
  Scheduler scheduler;
  const auto cancellation = std::make_shared<Cancellation>();
  const auto cancel_all = [&](int left) {
    if (left != 99) return;
    scheduler.submit(std::make_unique<ScriptedJob>('w', 1, Priority::kCompletion, log,
                                                   waiting.reply(), cancellation));
    cancellation->cancel();
  };
  scheduler.submit(std::make_unique<ScriptedJob>('r', 100, Priority::kCompletion, log,
                                                 running.reply(), cancellation, cancel_all));
  CHECK(failure(running) == ErrorCode::kCancelled);
  CHECK(failure(waiting) == ErrorCode::kCancelled);
  CHECK(log == "rr");
}

TEST_CASE("a job cancelled before it is submitted never runs") {
  std::string log;
  Waiting<int> waiting;
  Scheduler scheduler;
  const auto cancellation = std::make_shared<Cancellation>();
  cancellation->cancel();
  scheduler.submit(std::make_unique<ScriptedJob>('x', 1, Priority::kCompletion, log,
                                                 waiting.reply(), cancellation));
  CHECK(failure(waiting) == ErrorCode::kCancelled);
  CHECK(log.empty());
}

TEST_CASE("stopping fails what runs and what waits, and what comes later") {
  std::string log;
  Waiting<int> running, waiting, late;
  std::promise<void> stopped;
  Scheduler scheduler([&] { stopped.set_value(); });
  scheduler.submit(std::make_unique<ScriptedJob>('r', 100, Priority::kCompletion, log,
                                                 running.reply(), nullptr,
                                                 [&](int) { scheduler.stop(); }));
  scheduler.submit(
      std::make_unique<ScriptedJob>('w', 1, Priority::kBackground, log, waiting.reply()));
  CHECK(failure(running) == ErrorCode::kCancelled);
  CHECK(failure(waiting) == ErrorCode::kCancelled);
  stopped.get_future().get();
  scheduler.submit(std::make_unique<ScriptedJob>('l', 1, Priority::kCompletion, log, late.reply()));
  CHECK(failure(late) == ErrorCode::kCancelled);
  CHECK(log == "r");
}

TEST_CASE("whatever is thrown fails its own job only") {
  struct {
    std::function<void(int)> fault;
    ErrorCode code;
  } const cases[] = {
      {[](int) { throw Error(ErrorCode::kDevice, "The GPU is gone."); }, ErrorCode::kDevice},
      {[](int) { throw std::bad_alloc(); }, ErrorCode::kNoResources},
      {[](int) { throw std::system_error(EAGAIN, std::generic_category()); },
       ErrorCode::kNoResources},
      {[](int) { throw std::runtime_error("something else"); }, ErrorCode::kUnexpected},
      {[](int) { throw 7; }, ErrorCode::kUnexpected},
  };
  for (const auto& [fault, code] : cases) {
    std::string log;
    Waiting<int> broken, sound;
    Scheduler scheduler;
    scheduler.submit(std::make_unique<ScriptedJob>('x', 2, Priority::kCompletion, log,
                                                   broken.reply(), nullptr, fault));
    CHECK(failure(broken) == code);
    scheduler.submit(
        std::make_unique<ScriptedJob>('s', 1, Priority::kCompletion, log, sound.reply()));
    sound.get();
    CHECK(log == "xs");
  }
}

TEST_CASE("a model's own long advance is cancelled and leaves no memory behind") {
  const auto model = load(Checkpoint(tiny_config(), 71));
  {
    Engine engine(model, 1);
    const auto cancellation = std::make_shared<Cancellation>();
    Waiting<std::vector<StatePtr>> long_one, urgent;
    const Tokens text = random_tokens(2'000'000, model->plan().vocab_size, 72);
    engine.advance(State::initial(*model, 1, 0), text, {text.size()},
                   {Priority::kBackground, cancellation}, long_one.reply());
    engine.advance(State::initial(*model, 1, 0), {1, 2, 3}, {3}, {Priority::kCompletion, nullptr},
                   urgent.reply());
    CHECK(urgent.get()[0]->token_count() == 3);  // while the long one is far from done
    cancellation->cancel();
    CHECK(failure(long_one) == ErrorCode::kCancelled);
  }
  CHECK(model->meter()->bytes() == 0);
}

}  // namespace
}  // namespace stateline::testing
