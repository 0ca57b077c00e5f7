#include "binding/cancellation.h"

#include "binding/arguments.h"

namespace stateline::binding {
namespace {

// Marks our objects, so that an impostor is refused instead of unwrapped (random, fixed).
constexpr napi_type_tag kTag{0x8d1c0f4f6a7b4d21, 0xb7a2330ef0c94e55};

}  // namespace

Napi::Function NativeCancellation::define(Napi::Env env) {
  return DefineClass(env, "Cancellation",
                     {InstanceMethod("cancel", &NativeCancellation::cancel),
                      InstanceAccessor("cancelled", &NativeCancellation::cancelled, nullptr)});
}

NativeCancellation::NativeCancellation(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

std::shared_ptr<const engine::Cancellation> NativeCancellation::from(const Napi::Value& value) {
  if (value.IsUndefined()) return nullptr;
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag))
    refuse("options.cancellation", "a Cancellation of this addon");
  return Unwrap(value.As<Napi::Object>())->cancellation_;
}

}  // namespace stateline::binding
