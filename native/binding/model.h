// NativeModel: a loaded model. Every promise is settled by the environment's Delivery.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/addon_data.h"
#include "engine/engine.h"

namespace stateline::binding {

class NativeModel : public Napi::ObjectWrap<NativeModel> {
 public:
  static Napi::Function define(Napi::Env env);
  // loadModel(path, { threads, cuda?, rounding?, packedFolder?, blank? }): reads a folder or a GGUF
  // file and packs the weights, off the JavaScript thread. cuda: { library, gpu }, the path of the
  // library and the GPU's number; without it the processor.
  static Napi::Value load(const Napi::CallbackInfo& info);

  explicit NativeModel(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release(env); }

 private:
  Napi::Value held_bytes(const Napi::CallbackInfo& info);
  Napi::Value initial_state(const Napi::CallbackInfo& info);
  Napi::Value advance(const Napi::CallbackInfo& info);
  Napi::Value score(const Napi::CallbackInfo& info);
  Napi::Value generate(const Napi::CallbackInfo& info);
  Napi::Value log_probs(const Napi::CallbackInfo& info);
  Napi::Value serialize(const Napi::CallbackInfo& info);
  Napi::Value restore(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info) { release(info.Env()); }

  engine::Engine& alive() const;
  void release(Napi::Env env);
  Napi::Object wrap(Napi::Env env, engine::StatePtr state) const;

  template <typename Result, typename ToValue>
  class Settlement;
  // Settles `deferred` with to_value(env, result) on the JavaScript thread, keeping this model
  // alive.
  template <typename Result, typename ToValue>
  engine::Reply<Result> reply(Napi::Env env, Napi::Promise::Deferred deferred, ToValue to_value);
  // Takes back what reply() arranged, when a job was refused before it was submitted.
  template <typename Submit>
  void submit(Napi::Env env, Submit submit);

  std::shared_ptr<engine::Engine> engine_;  // null once disposed
  std::shared_ptr<ExternalMemory> memory_;
};

}  // namespace stateline::binding
