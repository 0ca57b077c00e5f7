// NativeLongRange: a classifier of byte sequences. It has no thread of its own: each request runs
// on libuv's pool, and looks between segments whether it is still wanted.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/addon_data.h"
#include "longrange/model.h"

namespace stateline::binding {

// What one environment owns, beside what the other addon's does.
class LongRangeData : public AddonData {
 public:
  using AddonData::AddonData;
  static LongRangeData& of(Napi::Env env) { return *env.GetInstanceData<LongRangeData>(); }

  Napi::FunctionReference classifier_class;
};

class NativeLongRange : public Napi::ObjectWrap<NativeLongRange> {
 public:
  static Napi::Function define(Napi::Env env);
  // loadLongRange(directory, { threads }): reads and prepares the weights off the JavaScript
  // thread.
  static Napi::Value load(const Napi::CallbackInfo& info);

  explicit NativeLongRange(const Napi::CallbackInfo& info);

  // What load() gives the constructor.
  struct Loaded {
    std::shared_ptr<const longrange::Model> model;
    unsigned threads;
  };

 private:
  Napi::Value classify(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo&) { model_.reset(); }

  std::shared_ptr<const longrange::Model> model_;  // null once disposed; requests keep it
  unsigned threads_ = 1;
};

}  // namespace stateline::binding
