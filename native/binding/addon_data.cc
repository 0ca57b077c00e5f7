#include "binding/addon_data.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

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

// What comes and goes within a request is not told: after a jump of the cursor some 20 MB of states
// take the place of others, and V8 would collect each time (4 to 10 ms of JavaScript's thread).
constexpr std::int64_t kWorthTelling = 64 << 20;

void ExternalMemory::report(Napi::Env env) {
  const auto bytes = static_cast<std::int64_t>(meter_->bytes());
  if (std::abs(bytes - reported_) < kWorthTelling) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported_);
  reported_ = bytes;
}

}  // namespace stateline::binding
