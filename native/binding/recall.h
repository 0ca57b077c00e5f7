// NativeRecall: an exact memory of tokens, filled from JavaScript and read by requests.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>

#include "engine/engine.h"

namespace stateline::binding {

class NativeRecall : public Napi::ObjectWrap<NativeRecall> {
 public:
  static Napi::Function define(Napi::Env env);

  // new Recall(capacityTokens, vocabSize, kinds?)
  explicit NativeRecall(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release(env); }

  // { memory?: Recall, context: Int32Array } or undefined, as the option "recall" of a request.
  static std::optional<engine::RecallOptions> options(const Napi::Value& value);

 private:
  Napi::Value append(const Napi::CallbackInfo& info);
  Napi::Value push(const Napi::CallbackInfo& info);
  Napi::Value find(const Napi::CallbackInfo& info);
  Napi::Value frequencies(const Napi::CallbackInfo& info);
  Napi::Value forget(const Napi::CallbackInfo& info);
  Napi::Value bytes(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info) { release(info.Env()); }
  void release(Napi::Env env);
  void report(Napi::Env env);
  const std::shared_ptr<engine::Recall>& alive() const;

  std::shared_ptr<engine::Recall> recall_;  // null once disposed
  std::int64_t reported_bytes_ = 0;         // to the collector
};

}  // namespace stateline::binding
