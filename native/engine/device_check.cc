#include "engine/device_check.h"

#include <cmath>
#include <string>
#include <vector>

#include "engine/cpu_device.h"
#include "formats/error.h"

namespace stateline::engine {
namespace {

constexpr std::size_t kTokens = 25;
// bf16 against int8 activations stays above 0.99; unrelated logits are near 0.
constexpr double kLeastCorrelation = 0.9;

std::vector<float> logits_after_some_tokens(const Model& model, Executor& executor,
                                            std::size_t state_heads) {
  std::vector<std::int32_t> tokens(kTokens);
  for (std::size_t i = 0; i < kTokens; ++i)
    tokens[i] = static_cast<std::int32_t>(i * 7919 % model.plan().vocab_size);
  Branch branch(model, *State::initial(model, state_heads, 0));
  executor.advance(branch, std::span(tokens).first(kTokens - 1));
  const auto before_last = branch.freeze();
  std::vector<float> logits(model.plan().vocab_size);
  // A GPU replays a token's launches when it comes again.
  for (int round = 0; round < 2; ++round) {
    Branch last(model, *before_last);
    executor.advance(last, std::span(tokens).last(1));
    executor.logits(last.hidden(), logits.data());
  }
  return logits;
}

double mean(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

// Pearson's; NaN if a value is none.
double correlation(const std::vector<float>& a, const std::vector<float>& b) {
  const double mean_a = mean(a), mean_b = mean(b);
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]) - mean_a, y = static_cast<double>(b[i]) - mean_b;
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace

void check_against_processor(const Model& model, Executor& executor) {
  const auto twin = model.on(std::make_shared<CpuDevice>());
  const auto processor = twin->device()->make_executor(*twin, 1);
  const std::size_t heads = model.plan().heads;
  for (const std::size_t state_heads : {heads, heads / 2}) {
    const double alike = correlation(logits_after_some_tokens(model, executor, state_heads),
                                     logits_after_some_tokens(*twin, *processor, state_heads));
    if (alike >= kLeastCorrelation) continue;
    throw Error(ErrorCode::kDevice, "The GPU " + model.device()->name() +
                                        " computes something else than the processor; please "
                                        "report it, and set stateline.device to cpu.");
  }
}

}  // namespace stateline::engine
