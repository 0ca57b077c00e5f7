// Beam search: the likeliest text to a stop token, where greedy generation takes the likeliest
// token each time and cannot come back (Lowerre, The Harpy speech recognition system, 1976).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "engine/branch.h"
#include "engine/engine.h"
#include "engine/recollection.h"

namespace stateline::engine {

// One token of each hypothesis a chunk. The result is the likeliest hypothesis, whether it was
// found to end or is still open after max_tokens or most_time; what else was found to end are its
// alternatives. Drafts are not read: hypotheses are few and short.
class BeamJob : public Job {
 public:
  BeamJob(Workbench& workbench, StatePtr state, GenerateOptions generate, const JobOptions& options,
          Reply<GenerateResult> reply);
  bool run_chunk() override;
  void succeed() override { reply_.done(std::move(result_)); }
  void fail(const Error& error) override { reply_.failed(error); }

 private:
  struct Hypothesis {
    Tokens tokens;
    std::vector<float> log_probs;
    float log_prob = 0;              // their sum
    std::unique_ptr<Branch> branch;  // after the tokens
    std::vector<Sample> next;        // the likeliest first
  };
  // A hypothesis and what it would go on with.
  struct Step {
    std::size_t from;  // in open_
    Sample sample;
    float log_prob;  // of all tokens
  };

  struct Ended {
    GeneratedText text;
    float log_prob;
  };

  void begin();
  std::vector<Step> best_steps() const;
  void end(Hypothesis& from, const Step& step);
  void grow(const std::vector<Step>& steps);
  void read_last_tokens();
  void predict();
  void choose_next(Hypothesis& hypothesis, std::span<float> logits);
  bool is_hopeless(float log_prob) const;
  void finish();

  Workbench& workbench_;
  const std::chrono::steady_clock::time_point made_ = std::chrono::steady_clock::now();
  StatePtr state_;
  GenerateOptions generate_;
  Reply<GenerateResult> reply_;
  Sampler sampler_;
  std::vector<Hypothesis> open_;  // the likeliest first
  std::vector<Ended> ended_;      // the likeliest first
  StatePtr ended_state_;          // of the likeliest
  GenerateResult result_;
  std::vector<float> logits_;  // [hypotheses, vocab], scratch
  std::optional<Recollection> recollection_;
  Tokens recall_end_;  // of the context, as far as it is looked at
};

}  // namespace stateline::engine
