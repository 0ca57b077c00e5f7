// NativeCancellation: given to requests, cancels them all.
#pragma once

#include <napi.h>

#include <memory>

#include "engine/scheduler.h"

namespace stateline::binding {

class NativeCancellation : public Napi::ObjectWrap<NativeCancellation> {
 public:
  static Napi::Function define(Napi::Env env);
  // Undefined gives null. Throws Error if the value is something else.
  static std::shared_ptr<const engine::Cancellation> from(const Napi::Value& value);

  explicit NativeCancellation(const Napi::CallbackInfo& info);

 private:
  void cancel(const Napi::CallbackInfo&) { cancellation_->cancel(); }
  Napi::Value cancelled(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), cancellation_->cancelled());
  }

  std::shared_ptr<engine::Cancellation> cancellation_ = std::make_shared<engine::Cancellation>();
};

}  // namespace stateline::binding
