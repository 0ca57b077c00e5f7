// The addon's front door: one initialisation for each environment (the main thread or a worker).
#include <napi.h>

#include "binding/addon_data.h"
#include "binding/cancellation.h"
#include "binding/model.h"
#include "binding/recall.h"
#include "binding/state.h"
#include "kernels/kernels.h"

// Defined by the headers above.
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace stateline::binding {
namespace {

Napi::Value cpu_level(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), kernels::kernels().level);
}

// Left alone, glibc raises this threshold with each larger block that is freed; states then lie
// among small things in its arenas, where the holes that they leave stay resident. A fixed one,
// below both large parts of a state (the recurrence's and the convolution's), makes each a mapping
// that goes back to the system with it.
void return_freed_states() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 64 << 10);
#endif
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  return_freed_states();
  // The environment owns the data and deletes it at its end.
  AddonData* data = std::make_unique<AddonData>(env).release();
  env.SetInstanceData(data);
  data->model_class = Napi::Persistent(NativeModel::define(env));
  data->state_class = Napi::Persistent(NativeState::define(env));
  data->cancellation_class = Napi::Persistent(NativeCancellation::define(env));
  exports.Set("cpuLevel", Napi::Function::New(env, cpu_level, "cpuLevel"));
  exports.Set("loadModel", Napi::Function::New(env, NativeModel::load, "loadModel"));
  exports.Set("Cancellation", data->cancellation_class.Value());
  exports.Set("Recall", NativeRecall::define(env));
  return exports;
}

}  // namespace
}  // namespace stateline::binding

static Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  return stateline::binding::initialize(env, exports);
}

NODE_API_MODULE(stateline, initialize_addon)
