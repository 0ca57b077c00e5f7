#include "engine/engine.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/beam.h"
#include "engine/device_check.h"
#include "engine/jobs.h"
#include "engine/token_ids.h"

namespace stateline::engine {
namespace {

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::kInvalidArgument, sentence);
}

void check_checkpoints(const std::vector<std::size_t>& checkpoints, std::size_t tokens) {
  if (checkpoints.empty() || checkpoints.back() != tokens ||
      !std::is_sorted(checkpoints.begin(), checkpoints.end())) {
    refuse("advance: checkpoints must ascend and end with the number of tokens, " +
           std::to_string(tokens) + ".");
  }
}

void check_sampling(const SamplingOptions& sampling) {
  if (!(sampling.temperature >= 0) || !std::isfinite(sampling.temperature))
    refuse("generate: temperature must be a number from 0 up.");
  if (!(sampling.top_p > 0 && sampling.top_p <= 1))
    refuse("generate: topP must lie above 0 and be at most 1.");
}

void check_time(const GenerateOptions& generate) {
  if (!(generate.most_time.count() >= 0)) refuse("generate: mostMs must be a number from 0 up.");
}

void check_beam(const GenerateOptions& generate) {
  if (generate.beam < 1 || generate.beam > kMostHypotheses)
    refuse("generate: beam must be from 1 to " + std::to_string(kMostHypotheses) + ".");
  if (generate.beam > 1 &&
      (generate.sampling.temperature > 0 || std::isfinite(generate.least_log_prob)))
    refuse("generate: a beam wants temperature 0 and no leastLogProb.");
}

}  // namespace

Workbench::Workbench(const Model& m, unsigned threads)
    : model(m), executor(m.device()->make_executor(m, threads)) {}

Engine::Engine(std::shared_ptr<const Model> model, unsigned threads,
               std::function<void()> on_stopped)
    : model_(std::move(model)), workbench_(*model_, threads), scheduler_(std::move(on_stopped)) {}

void Engine::check_device() { check_against_processor(*model_, *workbench_.executor); }

void Engine::advance(StatePtr state, Tokens tokens, std::vector<std::size_t> checkpoints,
                     const JobOptions& options, Reply<std::vector<StatePtr>> reply) {
  check_state(*state, "advance");
  check_tokens(tokens, "advance: tokens");
  check_checkpoints(checkpoints, tokens.size());
  scheduler_.submit(std::make_unique<AdvanceJob>(workbench_, std::move(state), std::move(tokens),
                                                 std::move(checkpoints), options,
                                                 std::move(reply)));
}

void Engine::score(StatePtr state, Tokens tokens, std::optional<RecallOptions> recall,
                   const JobOptions& options, Reply<ScoreResult> reply) {
  check_state(*state, "score");
  check_tokens(tokens, "score: tokens");
  check_recall(recall, "score");
  scheduler_.submit(std::make_unique<ScoreJob>(workbench_, std::move(state), std::move(tokens),
                                               std::move(recall), options, std::move(reply)));
}

void Engine::generate(StatePtr state, GenerateOptions generate, const JobOptions& options,
                      Reply<GenerateResult> reply) {
  check_state(*state, "generate");
  check_sampling(generate.sampling);
  check_beam(generate);
  check_time(generate);
  check_tokens(generate.stop_tokens, "generate: stopTokens");
  check_tokens(generate.first_tokens, "generate: firstTokens");
  check_recall(generate.recall, "generate");
  if (state->token_count() == 0 && generate.max_tokens > 0)
    refuse("generate: the state is empty; advance it by at least one token first.");
  std::sort(generate.first_tokens.begin(), generate.first_tokens.end());
  const auto twins = std::unique(generate.first_tokens.begin(), generate.first_tokens.end());
  generate.first_tokens.erase(twins, generate.first_tokens.end());
  if (generate.beam > 1) {
    scheduler_.submit(std::make_unique<BeamJob>(workbench_, std::move(state), std::move(generate),
                                                options, std::move(reply)));
    return;
  }
  scheduler_.submit(std::make_unique<GenerateJob>(workbench_, std::move(state), std::move(generate),
                                                  options, std::move(reply)));
}

void Engine::log_probs(std::vector<StatePtr> states, const JobOptions& options,
                       Reply<Distributions> reply) {
  for (const StatePtr& state : states) {
    check_state(*state, "logProbs");
    if (state->token_count() == 0)
      refuse("logProbs: a state is empty; advance it by at least one token first.");
  }
  scheduler_.submit(
      std::make_unique<LogProbsJob>(workbench_, std::move(states), options, std::move(reply)));
}

void Engine::check_state(const State& state, const char* function) const {
  const std::string name(function);
  if (state.model() != model_->hash())
    refuse(name + ": the state belongs to another model; make one with this model's initialState.");
  if (!model_->device()->shares_memory_with(*state.device()))
    refuse(name + ": the state lies on another device; serialize it there and restore it here.");
}

void Engine::check_tokens(std::span<const std::int32_t> tokens, const char* what) const {
  check_token_ids(tokens, model_->plan().vocab_size, what);
}

void Engine::check_recall(const std::optional<RecallOptions>& recall, const char* function) const {
  if (!recall) return;
  const std::string name = std::string(function) + ": recall.";
  const std::size_t vocab = model_->plan().vocab_size;
  check_token_ids(recall->context, vocab, name + "context");
  if (recall->memory && recall->memory->vocab_size() != vocab)
    refuse(name + "memory is of " + std::to_string(recall->memory->vocab_size()) +
           " token ids, but the model has " + std::to_string(vocab) +
           "; make one with this model's createRecall.");
}

}  // namespace stateline::engine
