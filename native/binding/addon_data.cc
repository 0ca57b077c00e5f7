#include "binding/addon_data.h"

#include <algorithm>

namespace stateline::binding {

AddonData::AddonData(Napi::Env env) : delivery_(std::make_shared<Delivery>(env)) {
  // Registered after the delivery's own hook, thus run before it.
  env.AddCleanupHook([](AddonData* data) { data->shut_down(); }, this);
}

void AddonData::release(const engine::Engine* engine) {
  std::erase_if(engines_, [engine](const auto& kept) { return kept.get() == engine; });
}

void AddonData::shut_down() {
  for (const std::shared_ptr<engine::Engine>& engine : engines_) engine->stop();
  for (const std::shared_ptr<engine::Engine>& engine : engines_) engine->join();
}

void ExternalMemory::report(Napi::Env env) {
  const auto bytes = static_cast<std::int64_t>(meter_->bytes());
  if (bytes == reported_) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported_);
  reported_ = bytes;
}

}  // namespace stateline::binding
