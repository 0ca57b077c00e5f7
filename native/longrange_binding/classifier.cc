#include "longrange_binding/classifier.h"

#include <cstring>
#include <vector>

#include "binding/arguments.h"
#include "binding/background.h"
#include "binding/cancellation.h"
#include "binding/errors.h"
#include "longrange/whole.h"

namespace stateline::binding {
namespace {

Napi::Object info_of(Napi::Env env, const longrange::Model& model, unsigned threads) {
  const longrange::Config& config = model.config();
  const auto number = [env](double value) { return Napi::Number::New(env, value); };
  const auto string = [env](const std::string& value) { return Napi::String::New(env, value); };
  const auto count = [&](std::size_t value) { return number(static_cast<double>(value)); };
  Napi::Array names = Napi::Array::New(env, config.classes());
  for (std::uint32_t i = 0; i < config.classes(); ++i) names.Set(i, string(config.class_names[i]));
  Napi::Object info = Napi::Object::New(env);
  info.Set("task", string(config.task));
  info.Set("classNames", names);
  info.Set("hiddenSize", count(config.hidden_size));
  info.Set("layers", count(config.layers));
  info.Set("ssmRatio", number(static_cast<double>(config.ssm_channels) /
                              static_cast<double>(config.hidden_size)));
  info.Set("family",
           string(config.family == longrange::Family::kLowRank ? "low_rank" : "diagonal"));
  info.Set("maxLength", count(config.max_length));
  info.Set("parameters", count(model.parameters()));
  info.Set("bytes", count(model.bytes()));
  info.Set("threads", count(threads));
  info.Set("cpuLevel", string(model.kernels().level));
  info.Freeze();
  return info;
}

}  // namespace

Napi::Function NativeLongRange::define(Napi::Env env) {
  return DefineClass(env, "LongRange",
                     {InstanceMethod("classify", &NativeLongRange::classify),
                      InstanceMethod("dispose", &NativeLongRange::dispose)});
}

Napi::Value NativeLongRange::load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return promised(env, [&](Napi::Promise::Deferred deferred) {
    const std::filesystem::path directory = path(info[0], "directory");
    const unsigned threads = thread_count(object(info[1], "options"));
    run_in_background<Loaded>(
        env, deferred,
        [directory, threads] {
          return Loaded{longrange::Model::load(directory), threads};
        },
        [](Napi::Env result_env, Loaded loaded) -> Napi::Value {
          return LongRangeData::of(result_env)
              .classifier_class.New({Napi::External<Loaded>::New(result_env, &loaded)});
        });
  });
}

// Only load() has an External to give; JavaScript cannot make one of these.
NativeLongRange::NativeLongRange(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsExternal())
    throw Napi::TypeError::New(env, "Classifiers are made by loadLongRange, not by new.");
  const Loaded& loaded = *info[0].As<Napi::External<Loaded>>().Data();
  model_ = loaded.model;
  threads_ = loaded.threads;
  info.This().As<Napi::Object>().DefineProperty(
      Napi::PropertyDescriptor::Value("info", info_of(env, *model_, threads_), napi_enumerable));
}

Napi::Value NativeLongRange::classify(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return promised(env, [&](Napi::Promise::Deferred deferred) {
    if (!model_) throw Error(ErrorCode::kDisposed, "The classifier was disposed; load it again.");
    const std::span<const std::uint8_t> view = bytes(info[0], "bytes");
    const auto sequence =
        std::make_shared<const std::vector<std::uint8_t>>(view.begin(), view.end());
    const auto cancellation =
        NativeCancellation::from(object(info[1], "options").Get("cancellation"));
    run_in_background<longrange::Classification>(
        env, deferred,
        [model = model_, threads = threads_, sequence, cancellation] {
          return longrange::classify(*model, threads, *sequence, cancellation.get());
        },
        [](Napi::Env result_env, const longrange::Classification& result) -> Napi::Value {
          Napi::Float32Array logits = Napi::Float32Array::New(result_env, result.logits.size());
          std::memcpy(logits.Data(), result.logits.data(), result.logits.size() * sizeof(float));
          Napi::Object value = Napi::Object::New(result_env);
          value.Set("logits", logits);
          value.Set("memoryBytes",
                    Napi::Number::New(result_env, static_cast<double>(result.memory_bytes)));
          return value;
        });
  });
}

}  // namespace stateline::binding
