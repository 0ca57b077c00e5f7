// The kinds of work, cut into chunks for the scheduler. Each works on a branch of its own.
#pragma once

#include <chrono>
#include <optional>

#include "engine/branch.h"
#include "engine/engine.h"
#include "engine/recollection.h"

namespace stateline::engine {

class AdvanceJob : public Job {
 public:
  AdvanceJob(Workbench& workbench, StatePtr state, Tokens tokens,
             std::vector<std::size_t> checkpoints, const JobOptions& options,
             Reply<std::vector<StatePtr>> reply);
  bool run_chunk() override;
  void succeed() override { reply_.done(std::move(states_)); }
  void fail(const Error& error) override { reply_.failed(error); }

 private:
  std::vector<std::size_t> stops_within(std::size_t count) const;
  void keep(const StatePtr& state, std::size_t position);

  Workbench& workbench_;
  StatePtr state_;  // the input; released once it has been branched
  Tokens tokens_;
  std::vector<std::size_t> checkpoints_;
  Reply<std::vector<StatePtr>> reply_;
  std::optional<Branch> branch_;
  std::size_t position_ = 0;  // tokens read
  std::vector<StatePtr> states_;
};

class ScoreJob : public Job {
 public:
  ScoreJob(Workbench& workbench, StatePtr state, Tokens tokens, std::optional<RecallOptions> recall,
           const JobOptions& options, Reply<ScoreResult> reply);
  bool run_chunk() override;
  void succeed() override { reply_.done(std::move(result_)); }
  void fail(const Error& error) override { reply_.failed(error); }

 private:
  void keep_scores(std::size_t rows, std::size_t first_token);

  Workbench& workbench_;
  Tokens tokens_;
  Reply<ScoreResult> reply_;
  ScoreResult result_;
  std::optional<Branch> branch_;
  std::size_t position_ = 0;
  std::vector<float> logits_;  // [kScoreRows, vocab]
  std::optional<Recollection> recollection_;
  std::size_t recollected_ = 0;  // tokens it was told
};

// As many states a chunk as one pass of the head takes.
class LogProbsJob : public Job {
 public:
  LogProbsJob(Workbench& workbench, std::vector<StatePtr> states, const JobOptions& options,
              Reply<Distributions> reply);
  bool run_chunk() override;
  void succeed() override { reply_.done(std::move(result_)); }
  void fail(const Error& error) override { reply_.failed(error); }

 private:
  Workbench& workbench_;
  std::vector<StatePtr> states_;
  Reply<Distributions> reply_;
  Distributions result_;
};

// One token a chunk. After the first chunk nothing is allocated until the result is made, unless it
// recalls.
class GenerateJob : public Job {
 public:
  GenerateJob(Workbench& workbench, StatePtr state, GenerateOptions generate,
              const JobOptions& options, Reply<GenerateResult> reply);
  bool run_chunk() override;
  void succeed() override { reply_.done(std::move(result_)); }
  void fail(const Error& error) override { reply_.failed(error); }

 private:
  void begin();
  void keep(const Sample& sample);
  void predict();
  void mix_recalled(std::span<float> logits);
  Tokens draft() const;
  void verify(std::int32_t token, const Tokens& draft);
  std::vector<StatePtr> read_with_states(const Tokens& tokens);
  bool finish(GenerateEnd end);

  Workbench& workbench_;
  const std::chrono::steady_clock::time_point made_ = std::chrono::steady_clock::now();
  StatePtr state_;
  GenerateOptions generate_;
  Reply<GenerateResult> reply_;
  Sampler sampler_;
  std::optional<Branch> branch_;
  GenerateResult result_;
  float log_prob_ = 0;         // of all tokens so far
  std::vector<float> logits_;  // [vocab]; with a recollection: log-probabilities of the mixture
  std::vector<float> draft_logits_;  // [draft + 1, vocab]
  std::optional<Recollection> recollection_;
  std::size_t next_draft_tokens_ = 0;  // at most, up to kMostDraftTokens
};

}  // namespace stateline::engine
