#include "binding/model.h"

#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "binding/arguments.h"
#include "binding/background.h"
#include "binding/errors.h"
#include "binding/options.h"
#include "binding/recall.h"
#include "binding/state.h"
#include "engine/cuda_device.h"
#include "engine/cuda_library.h"
#include "engine/serialize.h"

namespace stateline::binding {
namespace {

using engine::Engine;
using engine::StatePtr;

// The processor when there are no options.
std::shared_ptr<engine::Device> device_for(const std::optional<CudaOptions>& cuda) {
  if (!cuda) return nullptr;
  return engine::CudaDevice::open(engine::load_cuda_library(cuda->library), cuda->gpu);
}

class EngineStopped : public Delivery::Act {
 public:
  void run(Napi::Env env) override {
    if (const std::shared_ptr<Engine> stopped = engine.lock())
      AddonData::of(env).release(stopped.get());
  }
  std::weak_ptr<Engine> engine;
};

// The engine tells, from its thread, when that thread ends; the environment then lets go of it.
std::shared_ptr<Engine> make_engine(std::shared_ptr<const engine::Model> model, unsigned threads,
                                    const std::shared_ptr<Delivery>& delivery) {
  const auto act =
      std::make_shared<std::unique_ptr<EngineStopped>>(std::make_unique<EngineStopped>());
  const auto on_stopped = [delivery, act] { delivery->post(std::move(*act)); };
  auto engine = std::make_shared<Engine>(std::move(model), threads, on_stopped);
  (*act)->engine = engine;
  return engine;
}

template <typename Array, typename T>
Array to_array(Napi::Env env, const std::vector<T>& values) {
  Array array = Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(T));
  return array;
}

const char* end_name(engine::GenerateEnd end) {
  switch (end) {
    case engine::GenerateEnd::kStop:
      return "stop";
    case engine::GenerateEnd::kUnlikely:
      return "unlikely";
    case engine::GenerateEnd::kLength:
      break;
  }
  return "length";
}

void set_text(Napi::Object& value, const engine::GeneratedText& text) {
  const Napi::Env env = value.Env();
  value.Set("tokens", to_array<Napi::Int32Array>(env, text.tokens));
  value.Set("logProbs", to_array<Napi::Float32Array>(env, text.log_probs));
  value.Set("reason", Napi::String::New(env, end_name(text.end)));
}

// Of a state by default: a layer may do both.
Napi::Object layer_kinds(Napi::Env env, const models::Plan& plan) {
  const auto state_heads =
      static_cast<std::size_t>(std::lround(plan.hybrid_ratio * static_cast<double>(plan.heads)));
  std::uint32_t recurrent = 0, attention = 0;
  for (const models::LayerMemory& layer : plan.memory[state_heads]) {
    if (layer.recurrent.heads > 0) ++recurrent;
    if (layer.cache.heads > 0) ++attention;
  }
  Napi::Object kinds = Napi::Object::New(env);
  kinds.Set("recurrent", Napi::Number::New(env, recurrent));
  kinds.Set("attention", Napi::Number::New(env, attention));
  kinds.Freeze();
  return kinds;
}

Napi::Object info_of(Napi::Env env, const Engine& engine) {
  const engine::Model& model = engine.model();
  const models::Plan& plan = model.plan();
  const auto count = [env](std::size_t value) {
    return Napi::Number::New(env, static_cast<double>(value));
  };
  const auto string = [env](const std::string& value) { return Napi::String::New(env, value); };
  Napi::Object info = Napi::Object::New(env);
  info.Set("family", string(plan.family));
  info.Set("layerKinds", layer_kinds(env, plan));
  info.Set("vocabSize", count(plan.vocab_size));
  info.Set("hiddenSize", count(plan.hidden_size));
  info.Set("layers", count(plan.layers));
  info.Set("heads", count(plan.heads));
  info.Set("parameters", count(model.parameters()));
  info.Set("weightBytes", count(model.weight_bytes()));
  info.Set("sharesWeights", Napi::Boolean::New(env, model.shares_weights()));
  if (!model.packing_problem().empty()) info.Set("packingProblem", string(model.packing_problem()));
  info.Set("quantization", string(std::string(model.quantization())));
  info.Set("hash", string(engine::hex(model.hash())));
  info.Set("defaultHybridRatio", Napi::Number::New(env, plan.hybrid_ratio));
  info.Set("attentionWindow", count(plan.attention_window));
  info.Set("threads", count(engine.threads()));
  info.Set("cpuLevel", string(model.kernels().level));
  info.Set("device", string(model.device()->name()));
  info.Freeze();
  return info;
}

}  // namespace

Napi::Function NativeModel::define(Napi::Env env) {
  return DefineClass(env, "Model",
                     {InstanceMethod("initialState", &NativeModel::initial_state),
                      InstanceMethod("advance", &NativeModel::advance),
                      InstanceMethod("score", &NativeModel::score),
                      InstanceMethod("generate", &NativeModel::generate),
                      InstanceMethod("logProbs", &NativeModel::log_probs),
                      InstanceMethod("serialize", &NativeModel::serialize),
                      InstanceMethod("restore", &NativeModel::restore),
                      InstanceAccessor("heldBytes", &NativeModel::held_bytes, nullptr),
                      InstanceMethod("dispose", &NativeModel::dispose)});
}

Napi::Value NativeModel::load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return promised(env, [&](Napi::Promise::Deferred deferred) {
    const std::filesystem::path model_path = path(info[0], "modelPath");
    const Napi::Object options = object(info[1], "options");
    const unsigned threads = thread_count(options);
    const std::optional<CudaOptions> cuda = cuda_options(options);
    const engine::Rounding rounded = rounding(options);
    const std::filesystem::path packed = packed_folder(options);
    const bool is_blank = blank(options);
    const std::shared_ptr<Delivery> delivery = AddonData::of(env).delivery();
    run_in_background<std::shared_ptr<Engine>>(
        env, deferred,
        [model_path, threads, cuda, rounded, packed, is_blank, delivery] {
          const kernels::Kernels& best = kernels::kernels();
          auto model =
              is_blank ? engine::Model::blank(model_path, best, device_for(cuda), rounded)
                       : engine::Model::load(model_path, best, device_for(cuda), rounded, packed);
          auto engine = make_engine(std::move(model), threads, delivery);
          if (cuda) engine->check_device();
          return engine;
        },
        [](Napi::Env result_env, std::shared_ptr<Engine> engine) -> Napi::Value {
          AddonData& data = AddonData::of(result_env);
          data.keep(engine);
          return data.model_class.New(
              {Napi::External<std::shared_ptr<Engine>>::New(result_env, &engine)});
        });
  });
}

// Only load() has an External to give; JavaScript cannot make one of these.
NativeModel::NativeModel(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsExternal())
    throw Napi::TypeError::New(env, "Models are made by loadModel, not by new.");
  engine_ = *info[0].As<Napi::External<std::shared_ptr<Engine>>>().Data();
  memory_ = std::make_shared<ExternalMemory>(engine_->model().meter());
  info.This().As<Napi::Object>().DefineProperty(
      Napi::PropertyDescriptor::Value("info", info_of(env, *engine_), napi_enumerable));
  Napi::MemoryManagement::AdjustExternalMemory(
      env, static_cast<std::int64_t>(engine_->model().weight_bytes()));
}

Engine& NativeModel::alive() const {
  if (engine_) return *engine_;
  throw Error(ErrorCode::kDisposed, "The model was disposed; load it again.");
}

// Waits for nothing: the engine's thread ends after its chunk and reports that by itself.
void NativeModel::release(Napi::Env env) {
  if (!engine_) return;
  Napi::MemoryManagement::AdjustExternalMemory(
      env, -static_cast<std::int64_t>(engine_->model().weight_bytes()));
  engine_->stop();
  engine_.reset();
}

Napi::Object NativeModel::wrap(Napi::Env env, StatePtr state) const {
  return NativeState::wrap(env, std::move(state), memory_);
}

template <typename Result, typename ToValue>
class NativeModel::Settlement : public Delivery::Act {
 public:
  Settlement(NativeModel& model, Napi::Promise::Deferred deferred, ToValue to_value)
      : model_(model), deferred_(deferred), to_value_(std::move(to_value)) {}

  void run(Napi::Env env) override {
    settle(env, deferred_, [&] {
      if (error) throw *error;
      return to_value_(env, *result);
    });
    AddonData::of(env).delivery()->received(env);
    model_.Unref();
  }

  // One of the two is set.
  std::optional<Result> result;
  std::optional<Error> error;

 private:
  NativeModel& model_;
  Napi::Promise::Deferred deferred_;
  ToValue to_value_;
};

template <typename Result, typename ToValue>
engine::Reply<Result> NativeModel::reply(Napi::Env env, Napi::Promise::Deferred deferred,
                                         ToValue to_value) {
  using Act = Settlement<Result, ToValue>;
  const std::shared_ptr<Delivery> delivery = AddonData::of(env).delivery();
  const auto act = std::make_shared<std::unique_ptr<Act>>(
      std::make_unique<Act>(*this, deferred, std::move(to_value)));
  const auto done = [delivery, act](Result result) {
    (*act)->result.emplace(std::move(result));
    delivery->post(std::move(*act));
  };
  const auto failed = [delivery, act](const Error& error) {
    (*act)->error.emplace(error);
    delivery->post(std::move(*act));
  };
  return {done, failed};
}

template <typename Submit>
void NativeModel::submit(Napi::Env env, Submit submit) {
  const std::shared_ptr<Delivery> delivery = AddonData::of(env).delivery();
  Ref();
  delivery->expect(env);
  try {
    submit();
  } catch (...) {
    delivery->received(env);
    Unref();
    throw;
  }
}

// Of all states that are alive: pages that they share count once.
Napi::Value NativeModel::held_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(alive().model().meter()->bytes()));
  });
}

Napi::Value NativeModel::initial_state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Engine& engine = alive();
    const auto heads = static_cast<std::size_t>(natural(info[0], "stateHeads", kMaxSafeInteger));
    const std::uint64_t window = natural(info[1], "attentionWindow", kMaxSafeInteger);
    return wrap(info.Env(), engine::State::initial(engine.model(), heads, window));
  });
}

Napi::Value NativeModel::advance(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return promised(env, [&](Napi::Promise::Deferred deferred) {
    Engine& engine = alive();
    StatePtr state = NativeState::from(info[0]);
    engine::Tokens ids = tokens(info[1], "tokens");
    const Napi::Object options = object(info[2], "options");
    std::vector<std::size_t> stops = checkpoints(options, ids.size());
    const engine::JobOptions job = job_options(options);
    const auto to_value = [this](Napi::Env result_env, const std::vector<StatePtr>& states) {
      Napi::Array array = Napi::Array::New(result_env, states.size());
      for (std::uint32_t i = 0; i < states.size(); ++i) array.Set(i, wrap(result_env, states[i]));
      return array;
    };
    submit(env, [&] {
      engine.advance(std::move(state), std::move(ids), std::move(stops), job,
                     reply<std::vector<StatePtr>>(env, deferred, to_value));
    });
  });
}

Napi::Value NativeModel::score(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return promised(env, [&](Napi::Promise::Deferred deferred) {
    Engine& engine = alive();
    StatePtr state = NativeState::from(info[0]);
    engine::Tokens ids = tokens(info[1], "tokens");
    const Napi::Object options = object(info[2], "options");
    const engine::JobOptions job = job_options(options);
    std::optional<engine::RecallOptions> recall = NativeRecall::options(options.Get("recall"));
    const auto to_value = [this](Napi::Env result_env, const engine::ScoreResult& result) {
      Napi::Object value = Napi::Object::New(result_env);
      value.Set("logProbs", to_array<Napi::Float32Array>(result_env, result.log_probs));
      value.Set("state", wrap(result_env, result.state));
      return value;
    };
    submit(env, [&] {
      engine.score(std::move(state), std::move(ids), std::move(recall), job,
                   reply<engine::ScoreResult>(env, deferred, to_value));
    });
  });
}

Napi::Value NativeModel::generate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return promised(env, [&](Napi::Promise::Deferred deferred) {
    Engine& engine = alive();
    StatePtr state = NativeState::from(info[0]);
    const Napi::Object options = object(info[1], "options");
    const engine::JobOptions job = job_options(options);
    const auto to_value = [this](Napi::Env result_env, const engine::GenerateResult& result) {
      Napi::Object value = Napi::Object::New(result_env);
      set_text(value, result);
      value.Set("state", wrap(result_env, result.state));
      Napi::Array alternatives = Napi::Array::New(result_env, result.alternatives.size());
      for (std::uint32_t i = 0; i < result.alternatives.size(); ++i) {
        Napi::Object alternative = Napi::Object::New(result_env);
        set_text(alternative, result.alternatives[i]);
        alternatives.Set(i, alternative);
      }
      value.Set("alternatives", alternatives);
      return value;
    };
    submit(env, [&] {
      engine.generate(std::move(state), generate_options(options), job,
                      reply<engine::GenerateResult>(env, deferred, to_value));
    });
  });
}

Napi::Value NativeModel::log_probs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return promised(env, [&](Napi::Promise::Deferred deferred) {
    Engine& engine = alive();
    if (!info[0].IsArray()) refuse("states", "an array of states");
    const auto array = info[0].As<Napi::Array>();
    std::vector<StatePtr> states;
    for (std::uint32_t i = 0; i < array.Length(); ++i)
      states.push_back(NativeState::from(array.Get(i)));
    const engine::JobOptions job = job_options(object(info[1], "options"));
    const auto to_value = [](Napi::Env result_env, const engine::Distributions& result) {
      Napi::Array value = Napi::Array::New(result_env, result.size());
      for (std::uint32_t i = 0; i < result.size(); ++i)
        value.Set(i, to_array<Napi::Float32Array>(result_env, result[i]));
      return value;
    };
    submit(env, [&] {
      engine.log_probs(std::move(states), job,
                       reply<engine::Distributions>(env, deferred, to_value));
    });
  });
}

Napi::Value NativeModel::serialize(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return promised(env, [&](Napi::Promise::Deferred deferred) {
    alive();
    const StatePtr state = NativeState::from(info[0]);
    run_in_background<std::vector<std::byte>>(
        env, deferred, [state] { return engine::serialize(*state); },
        [](Napi::Env result_env, const std::vector<std::byte>& bytes) -> Napi::Value {
          return to_array<Napi::Uint8Array>(result_env, bytes);
        });
  });
}

Napi::Value NativeModel::restore(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return promised(env, [&](Napi::Promise::Deferred deferred) {
    alive();
    const std::span<const std::byte> view = std::as_bytes(bytes(info[0], "bytes"));
    const std::shared_ptr<Engine> engine = engine_;
    const std::shared_ptr<ExternalMemory> memory = memory_;
    // Shared, since a task is moved about and megabytes should not be.
    const auto stored = std::make_shared<const std::vector<std::byte>>(view.begin(), view.end());
    run_in_background<StatePtr>(
        env, deferred, [engine, stored] { return engine::restore(engine->model(), *stored); },
        [memory](Napi::Env result_env, StatePtr state) -> Napi::Value {
          return NativeState::wrap(result_env, std::move(state), memory);
        });
  });
}

}  // namespace stateline::binding
