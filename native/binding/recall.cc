#include "binding/recall.h"

#include "binding/arguments.h"
#include "binding/errors.h"

namespace stateline::binding {
namespace {

// Marks our objects, so that an impostor is refused instead of unwrapped (random, fixed).
constexpr napi_type_tag kTag{0x51c7e2a94b0d4f38, 0xa6f1d8037c2e915b};

// 24 bytes a token: 1.6 GB at most, which an ordinary machine has.
constexpr std::uint64_t kMaxCapacity = std::uint64_t{1} << 26;
constexpr std::uint64_t kMaxVocab = 0x7fffffff;

std::shared_ptr<engine::Recall> with_kinds(std::size_t capacity, std::size_t vocab,
                                           const Napi::Value& value) {
  const std::span<const std::uint8_t> kinds = bytes(value, "kinds");
  if (kinds.size() != vocab) refuse("kinds", "one for each of vocabSize tokens");
  return std::make_shared<engine::Recall>(capacity, std::vector(kinds.begin(), kinds.end()));
}

}  // namespace

Napi::Function NativeRecall::define(Napi::Env env) {
  return DefineClass(
      env, "Recall",
      {InstanceMethod("append", &NativeRecall::append), InstanceMethod("push", &NativeRecall::push),
       InstanceMethod("find", &NativeRecall::find),
       InstanceMethod("frequencies", &NativeRecall::frequencies),
       InstanceMethod("forget", &NativeRecall::forget),
       InstanceAccessor("bytes", &NativeRecall::bytes, nullptr),
       InstanceMethod("dispose", &NativeRecall::dispose)});
}

NativeRecall::NativeRecall(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  guarded(info.Env(), [&] {
    const auto capacity =
        static_cast<std::size_t>(natural(info[0], "capacityTokens", kMaxCapacity));
    const auto vocab = static_cast<std::size_t>(natural(info[1], "vocabSize", kMaxVocab));
    if (vocab == 0) refuse("vocabSize", "at least 1");
    recall_ = info[2].IsUndefined() ? std::make_shared<engine::Recall>(capacity, vocab)
                                    : with_kinds(capacity, vocab, info[2]);
    report(info.Env());
    info.This().As<Napi::Object>().TypeTag(&kTag);
    return info.Env().Undefined();
  });
}

std::optional<engine::RecallOptions> NativeRecall::options(const Napi::Value& value) {
  if (value.IsUndefined()) return std::nullopt;
  const Napi::Object recall = object(value, "options.recall");
  engine::RecallOptions out{nullptr, tokens(recall.Get("context"), "options.recall.context"), 0};
  if (const Napi::Value draft = recall.Get("draftTokens"); !draft.IsUndefined()) {
    out.draft_tokens = static_cast<std::size_t>(
        natural(draft, "options.recall.draftTokens", engine::kMostDraftTokens));
  }
  const Napi::Value memory = recall.Get("memory");
  if (memory.IsUndefined()) return out;
  if (!memory.IsObject() || !memory.As<Napi::Object>().CheckTypeTag(&kTag))
    refuse("options.recall.memory", "a Recall of this addon");
  out.memory = Unwrap(memory.As<Napi::Object>())->alive();
  return out;
}

const std::shared_ptr<engine::Recall>& NativeRecall::alive() const {
  if (recall_) return recall_;
  throw Error(ErrorCode::kDisposed, "The recall was disposed; keep it until it is no longer used.");
}

// Requests that were made with it keep it until they end.
void NativeRecall::release(Napi::Env env) {
  recall_.reset();
  report(env);
}

void NativeRecall::report(Napi::Env env) {
  const auto bytes = recall_ ? static_cast<std::int64_t>(recall_->bytes()) : 0;
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported_bytes_);
  reported_bytes_ = bytes;
}

Napi::Value NativeRecall::append(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::vector<std::int32_t> ids = tokens(info[0], "tokens");
    const engine::Recall::TextId text = alive()->append(ids);
    report(info.Env());
    return Napi::Number::New(info.Env(), text);
  });
}

Napi::Value NativeRecall::push(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    engine::Recall& recall = *alive();
    recall.push(static_cast<std::int32_t>(natural(info[0], "token", recall.vocab_size() - 1)));
    report(info.Env());
    return info.Env().Undefined();
  });
}

// Arrays with an entry a match.
Napi::Value NativeRecall::find(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    std::vector<engine::Match> matches;
    alive()->find(tokens(info[0], "context"), matches);
    Napi::Int32Array next = Napi::Int32Array::New(info.Env(), matches.size());
    Napi::Int32Array length = Napi::Int32Array::New(info.Env(), matches.size());
    Napi::Float32Array weight = Napi::Float32Array::New(info.Env(), matches.size());
    Napi::Float32Array alignment = Napi::Float32Array::New(info.Env(), matches.size());
    Napi::Int32Array distance = Napi::Int32Array::New(info.Env(), matches.size());
    for (std::size_t i = 0; i < matches.size(); ++i) {
      next[i] = matches[i].next;
      length[i] = static_cast<std::int32_t>(matches[i].length);
      weight[i] = matches[i].weight;
      alignment[i] = matches[i].alignment;
      distance[i] = static_cast<std::int32_t>(matches[i].distance);
    }
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("next", next);
    out.Set("length", length);
    out.Set("weight", weight);
    out.Set("alignment", alignment);
    out.Set("distance", distance);
    return out;
  });
}

Napi::Value NativeRecall::frequencies(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::vector<engine::TokenFact> facts = alive()->facts(tokens(info[0], "tokens"));
    Napi::Float32Array out = Napi::Float32Array::New(info.Env(), facts.size());
    for (std::size_t i = 0; i < facts.size(); ++i) out[i] = facts[i].frequency;
    return out;
  });
}

Napi::Value NativeRecall::forget(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    alive()->forget(static_cast<engine::Recall::TextId>(natural(info[0], "text", 0xffffffff)));
    report(info.Env());
    return info.Env().Undefined();
  });
}

Napi::Value NativeRecall::bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(alive()->bytes()));
  });
}

}  // namespace stateline::binding
