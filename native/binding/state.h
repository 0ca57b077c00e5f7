// NativeState: one immutable state, released by dispose() or by the collector.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/addon_data.h"
#include "engine/engine.h"

namespace stateline::binding {

class NativeState : public Napi::ObjectWrap<NativeState> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object wrap(Napi::Env env, engine::StatePtr state,
                           std::shared_ptr<ExternalMemory> memory);
  // Throws Error if the value is no state or a disposed one.
  static engine::StatePtr from(const Napi::Value& value);

  explicit NativeState(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release(env); }

 private:
  struct Contents {
    engine::StatePtr state;
    std::shared_ptr<ExternalMemory> memory;
  };

  Napi::Value token_count(const Napi::CallbackInfo& info);
  Napi::Value state_bytes(const Napi::CallbackInfo& info);
  Napi::Value kv_bytes(const Napi::CallbackInfo& info);
  Napi::Value state_heads(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info) { release(info.Env()); }
  void release(Napi::Env env);
  const engine::State& alive() const;

  Contents contents_;
};

}  // namespace stateline::binding
