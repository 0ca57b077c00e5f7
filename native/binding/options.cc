#include "binding/options.h"

#include <cstdint>
#include <string>

#include "binding/arguments.h"
#include "binding/cancellation.h"
#include "binding/recall.h"

namespace stateline::binding {

std::optional<CudaOptions> cuda_options(const Napi::Object& options) {
  constexpr std::uint64_t kMaxGpu = 99;
  const Napi::Value value = options.Get("cuda");
  if (value.IsUndefined()) return std::nullopt;
  const Napi::Object cuda = object(value, "options.cuda");
  return CudaOptions{path(cuda.Get("library"), "options.cuda.library"),
                     static_cast<int>(natural(cuda.Get("gpu"), "options.cuda.gpu", kMaxGpu))};
}

engine::Rounding rounding(const Napi::Object& options) {
  const Napi::Value value = options.Get("rounding");
  if (value.IsUndefined()) return engine::Rounding::kNone;
  const std::string name = text(value, "options.rounding");
  if (name == "int8") return engine::Rounding::kInt8;
  if (name == "int4") return engine::Rounding::kInt4;
  refuse("options.rounding", "left out, \"int8\" or \"int4\"");
}

std::filesystem::path packed_folder(const Napi::Object& options) {
  const Napi::Value value = options.Get("packedFolder");
  return value.IsUndefined() ? std::filesystem::path() : path(value, "options.packedFolder");
}

bool blank(const Napi::Object& options) {
  const Napi::Value value = options.Get("blank");
  if (value.IsUndefined()) return false;
  if (!value.IsBoolean()) refuse("options.blank", "left out, true or false");
  return value.As<Napi::Boolean>();
}

engine::JobOptions job_options(const Napi::Object& options) {
  const std::string priority = text(options.Get("priority"), "options.priority");
  if (priority != "completion" && priority != "background")
    refuse("options.priority", "\"completion\" or \"background\"");
  return {priority == "completion" ? engine::Priority::kCompletion : engine::Priority::kBackground,
          NativeCancellation::from(options.Get("cancellation"))};
}

std::vector<std::size_t> checkpoints(const Napi::Object& options, std::size_t token_count) {
  const Napi::Value value = options.Get("checkpoints");
  if (value.IsUndefined()) return {token_count};
  if (!value.IsArray()) refuse("options.checkpoints", "an array of integers");
  const auto array = value.As<Napi::Array>();
  std::vector<std::size_t> out;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    out.push_back(static_cast<std::size_t>(
        natural(array.Get(i), "options.checkpoints[" + std::to_string(i) + "]", token_count)));
  }
  return out;
}

engine::GenerateOptions generate_options(const Napi::Object& options) {
  engine::GenerateOptions out;
  out.max_tokens = static_cast<std::size_t>(
      natural(options.Get("maxTokens"), "options.maxTokens", std::uint64_t{1} << 24));
  out.sampling.temperature =
      static_cast<float>(number(options.Get("temperature"), "options.temperature"));
  out.sampling.top_p = static_cast<float>(number(options.Get("topP"), "options.topP"));
  out.sampling.seed = natural(options.Get("seed"), "options.seed", kMaxSafeInteger);
  out.stop_tokens = tokens(options.Get("stopTokens"), "options.stopTokens");
  out.recall = NativeRecall::options(options.Get("recall"));
  const Napi::Value least = options.Get("leastLogProb");
  if (!least.IsUndefined())
    out.least_log_prob = static_cast<float>(number(least, "options.leastLogProb"));
  const Napi::Value most = options.Get("mostMs");
  if (!most.IsUndefined())
    out.most_time = std::chrono::duration<double, std::milli>(number(most, "options.mostMs"));
  const Napi::Value beam = options.Get("beam");
  if (!beam.IsUndefined())
    out.beam = static_cast<std::size_t>(natural(beam, "options.beam", engine::kMostHypotheses));
  const Napi::Value first = options.Get("firstTokens");
  if (first.IsUndefined()) return out;
  out.first_tokens = tokens(first, "options.firstTokens");
  if (out.first_tokens.empty()) refuse("options.firstTokens", "left out or hold at least one id");
  return out;
}

}  // namespace stateline::binding
