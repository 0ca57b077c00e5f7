// Work that needs no engine thread (reading files, packing bytes), on libuv's pool.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <utility>

#include "binding/errors.h"

namespace stateline::binding {

template <typename Result, typename Work, typename ToValue>
class BackgroundWork : public Napi::AsyncWorker {
 public:
  BackgroundWork(Napi::Env env, Napi::Promise::Deferred deferred, Work work, ToValue to_value)
      : AsyncWorker(env, "stateline"),
        deferred_(deferred),
        work_(std::move(work)),
        to_value_(std::move(to_value)) {}

  void Execute() override {
    try {
      result_.emplace(work_());
    } catch (...) {
      error_.emplace(current_error());
    }
  }

  void OnOK() override {
    settle(Env(), deferred_, [this] {
      if (error_) throw *error_;
      return to_value_(Env(), std::move(*result_));
    });
  }

  // Node itself could not run it.
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  Work work_;
  ToValue to_value_;
  std::optional<Result> result_;
  std::optional<Error> error_;
};

// Settles `deferred` with to_value(env, work()), work() on another thread.
template <typename Result, typename Work, typename ToValue>
void run_in_background(Napi::Env env, Napi::Promise::Deferred deferred, Work work,
                       ToValue to_value) {
  // The worker deletes itself once it has settled the promise.
  auto worker = std::make_unique<BackgroundWork<Result, Work, ToValue>>(
      env, deferred, std::move(work), std::move(to_value));
  worker->Queue();
  worker.release();
}

}  // namespace stateline::binding
