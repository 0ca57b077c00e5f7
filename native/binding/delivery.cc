#include "binding/delivery.h"

#include "binding/errors.h"

namespace stateline::binding {
namespace {

// Runs on the JavaScript thread; without an environment (it is ending) the act is only freed.
void run_act(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Delivery::Act> act(static_cast<Delivery::Act*>(data));
  if (env == nullptr) return;
  const Napi::HandleScope scope(env);
  try {
    act->run(env);
  } catch (...) {
    current_exception_to_js(env).ThrowAsJavaScriptException();
  }
}

}  // namespace

Delivery::Delivery(Napi::Env env) {
  const napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, Napi::String::New(env, "stateline"), /*max_queue_size=*/0,
      /*initial_thread_count=*/1, nullptr, nullptr, nullptr, run_act, &function_);
  if (status != napi_ok) throw Napi::Error::New(env, "Stateline cannot reach the event loop.");
  napi_unref_threadsafe_function(env, function_);
}

void Delivery::expect(Napi::Env env) {
  if (expected_++ == 0) napi_ref_threadsafe_function(env, function_);
}

void Delivery::received(Napi::Env env) {
  if (--expected_ == 0) napi_unref_threadsafe_function(env, function_);
}

void Delivery::post(std::unique_ptr<Act> act) noexcept {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  const napi_status status =
      napi_call_threadsafe_function(function_, act.get(), napi_tsfn_nonblocking);
  if (status == napi_ok) {
    act.release();  // run_act takes it
  } else {
    closed_ = true;
  }
}

}  // namespace stateline::binding
