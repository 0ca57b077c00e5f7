// The front door of the addon of long-range classifiers, which the completion addon does without.
#include <napi.h>

#include "binding/cancellation.h"
#include "longrange_binding/classifier.h"

namespace stateline::binding {
namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  // The environment owns the data and deletes it at its end.
  LongRangeData* data = std::make_unique<LongRangeData>(env).release();
  env.SetInstanceData(data);
  data->cancellation_class = Napi::Persistent(NativeCancellation::define(env));
  data->classifier_class = Napi::Persistent(NativeLongRange::define(env));
  exports.Set("loadLongRange", Napi::Function::New(env, NativeLongRange::load, "loadLongRange"));
  exports.Set("Cancellation", data->cancellation_class.Value());
  return exports;
}

}  // namespace
}  // namespace stateline::binding

static Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  return stateline::binding::initialize(env, exports);
}

NODE_API_MODULE(stateline_longrange, initialize_addon)
