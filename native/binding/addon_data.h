// What one environment (the main thread or a worker) owns: its classes, its delivery, its engines.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "binding/delivery.h"
#include "engine/engine.h"

namespace stateline::binding {

class AddonData {
 public:
  explicit AddonData(Napi::Env env);

  static AddonData& of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

  // Keeps the engine until its thread has ended, so that nobody waits for it on the JavaScript
  // thread.
  void keep(std::shared_ptr<engine::Engine> engine) { engines_.push_back(std::move(engine)); }
  void release(const engine::Engine* engine);
  // At the end of the environment: stops and joins all engines.
  void shut_down();

  const std::shared_ptr<Delivery>& delivery() const { return delivery_; }

  Napi::FunctionReference model_class;
  Napi::FunctionReference state_class;
  Napi::FunctionReference cancellation_class;

 private:
  std::shared_ptr<Delivery> delivery_;
  std::vector<std::shared_ptr<engine::Engine>> engines_;
};

// Tells the collector how much memory a model's states hold outside its heap.
class ExternalMemory {
 public:
  explicit ExternalMemory(std::shared_ptr<engine::MemoryMeter> meter) : meter_(std::move(meter)) {}
  void report(Napi::Env env);

 private:
  std::shared_ptr<engine::MemoryMeter> meter_;
  std::int64_t reported_ = 0;
};

}  // namespace stateline::binding
