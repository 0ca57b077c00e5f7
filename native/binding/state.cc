#include "binding/state.h"

#include "binding/arguments.h"
#include "binding/errors.h"

namespace stateline::binding {
namespace {

// Marks our objects, so that an impostor is refused instead of unwrapped (random, fixed).
constexpr napi_type_tag kTag{0x3f5e9be6c1d24a07, 0x9c40d7731e8ab2f4};

Napi::Value count(Napi::Env env, std::uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

}  // namespace

Napi::Function NativeState::define(Napi::Env env) {
  return DefineClass(env, "State",
                     {InstanceAccessor("tokenCount", &NativeState::token_count, nullptr),
                      InstanceAccessor("stateBytes", &NativeState::state_bytes, nullptr),
                      InstanceAccessor("kvBytes", &NativeState::kv_bytes, nullptr),
                      InstanceAccessor("stateHeads", &NativeState::state_heads, nullptr),
                      InstanceMethod("dispose", &NativeState::dispose)});
}

Napi::Object NativeState::wrap(Napi::Env env, engine::StatePtr state,
                               std::shared_ptr<ExternalMemory> memory) {
  Contents contents{std::move(state), std::move(memory)};
  const auto external = Napi::External<Contents>::New(env, &contents);
  return AddonData::of(env).state_class.New({external});
}

// Only wrap() has an External to give; JavaScript cannot make one of these.
NativeState::NativeState(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal())
    throw Napi::TypeError::New(info.Env(),
                               "States are made by a model's initialState, not by new.");
  contents_ = std::move(*info[0].As<Napi::External<Contents>>().Data());
  info.This().As<Napi::Object>().TypeTag(&kTag);
  contents_.memory->report(info.Env());
}

engine::StatePtr NativeState::from(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag))
    refuse("state", "a state of this addon");
  const NativeState* self = Unwrap(value.As<Napi::Object>());
  self->alive();
  return self->contents_.state;
}

const engine::State& NativeState::alive() const {
  if (contents_.state) return *contents_.state;
  throw Error(ErrorCode::kDisposed, "The state was disposed; keep it until it is no longer used.");
}

void NativeState::release(Napi::Env env) {
  contents_.state.reset();
  if (contents_.memory) contents_.memory->report(env);
}

Napi::Value NativeState::token_count(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return count(info.Env(), alive().token_count()); });
}

Napi::Value NativeState::state_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return count(info.Env(), alive().state_bytes()); });
}

Napi::Value NativeState::kv_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return count(info.Env(), alive().kv_bytes()); });
}

Napi::Value NativeState::state_heads(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return count(info.Env(), alive().shape().state_heads); });
}

}  // namespace stateline::binding
