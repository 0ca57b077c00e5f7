// Carries results from the engine's threads to the JavaScript thread of one environment.
#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>
#include <mutex>

namespace stateline::binding {

// While results are expected the event loop is kept alive; otherwise the process may end.
class Delivery {
 public:
  // What is to be done on the JavaScript thread. It is made before the work begins, so that there
  // is an answer even when there is no memory left.
  class Act {
   public:
    virtual ~Act() = default;
    virtual void run(Napi::Env env) = 0;
  };

  explicit Delivery(Napi::Env env);

  // On the JavaScript thread: one more result is expected, or has come.
  void expect(Napi::Env env);
  void received(Napi::Env env);

  // From any thread. An act that no longer finds its environment is dropped unrun.
  void post(std::unique_ptr<Act> act) noexcept;

 private:
  std::mutex mutex_;
  bool closed_ = false;  // guarded by mutex_; the function below must not be touched again
  napi_threadsafe_function function_ = nullptr;
  std::size_t expected_ = 0;
};

}  // namespace stateline::binding
