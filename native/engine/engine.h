// What a client asks of a loaded model, as scheduled jobs.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/executor.h"
#include "engine/model.h"
#include "engine/recall.h"
#include "engine/sampling.h"
#include "engine/scheduler.h"
#include "engine/state.h"

namespace stateline::engine {

using Tokens = std::vector<std::int32_t>;

// How a job tells its result: exactly one of the two is called, once, mostly on the engine thread.
template <typename Result>
struct Reply {
  std::function<void(Result)> done;
  std::function<void(const Error&)> failed;
};

struct JobOptions {
  Priority priority = Priority::kCompletion;
  std::shared_ptr<const Cancellation> cancellation;  // may be null
};

// Mixes what is recalled into the model's distribution.
struct RecallOptions {
  std::shared_ptr<const Recall> memory;  // may be null: then from the context alone
  Tokens context;                        // that led to the state, or its end
  // Greedy generation verifies so many recalled tokens at once (speculative decoding with a copied
  // draft); the answer is the same up to rounding. 0 = none.
  std::size_t draft_tokens = 0;
};

struct ScoreResult {
  std::vector<float> log_probs;  // [tokens] nats
  StatePtr state;
};

struct GenerateOptions {
  static constexpr std::chrono::duration<double, std::milli> kNoLimit{
      std::numeric_limits<double>::infinity()};

  std::size_t max_tokens = 0;
  SamplingOptions sampling;
  Tokens stop_tokens;
  Tokens first_tokens;  // the only ids allowed as first token; empty = all
  // Generation ends where the log-probabilities of the tokens so far sum to less, nats.
  float least_log_prob = -std::numeric_limits<float>::infinity();
  // Generation ends as at max_tokens with the first token later than so long after it was asked
  // for.
  std::chrono::duration<double, std::milli> most_time = kNoLimit;
  std::optional<RecallOptions> recall = std::nullopt;
  // Hypotheses held at once, in search of the likeliest text to a stop token; 1 = greedy. More want
  // temperature 0 and no least_log_prob.
  std::size_t beam = 1;

  bool stops_at(std::int32_t token) const {
    return std::find(stop_tokens.begin(), stop_tokens.end(), token) != stop_tokens.end();
  }

  // Whether nothing may follow so many tokens, since a job that was made then.
  bool is_full(std::size_t tokens, std::chrono::steady_clock::time_point made) const {
    return tokens >= max_tokens || std::chrono::steady_clock::now() - made > most_time;
  }
};

enum class GenerateEnd { kLength, kStop, kUnlikely };

struct GeneratedText {
  Tokens tokens;                 // with the stop token or the unlikely one, if that is the end
  std::vector<float> log_probs;  // [tokens] nats
  GenerateEnd end = GenerateEnd::kLength;
};

struct GenerateResult : GeneratedText {
  StatePtr state;  // after the tokens, less the one that ended them
  // What else a beam found to end, the likeliest first; all differ before their stop tokens.
  std::vector<GeneratedText> alternatives;
};

// [states][vocab] nats, of the token after each.
using Distributions = std::vector<std::vector<float>>;

inline constexpr std::size_t kMostHypotheses = 32;
// With the token before them, one chunk of logits.
inline constexpr std::size_t kMostDraftTokens = kScoreRows - 1;

// What jobs compute with; used by the engine thread alone.
struct Workbench {
  Workbench(const Model& model, unsigned threads);

  const Model& model;
  std::unique_ptr<Executor> executor;
};

class Engine {
 public:
  // `on_stopped` is called on the engine thread, as its last act after stop().
  Engine(
      std::shared_ptr<const Model> model, unsigned threads,
      std::function<void()> on_stopped = [] {});

  // Before the first job: throws Error(kDevice) unless the device computes what the processor does.
  void check_device();

  const Model& model() const { return *model_; }
  unsigned threads() const { return workbench_.executor->threads(); }

  // These throw Error(kInvalidArgument) at once if an argument does not fit; else the reply is
  // called. `checkpoints`: ascending token counts, the last is tokens.size(); one state for each.
  void advance(StatePtr state, Tokens tokens, std::vector<std::size_t> checkpoints,
               const JobOptions& options, Reply<std::vector<StatePtr>> reply);
  // The first token after an empty state has no prediction: its log-probability is NaN.
  void score(StatePtr state, Tokens tokens, std::optional<RecallOptions> recall,
             const JobOptions& options, Reply<ScoreResult> reply);
  void generate(StatePtr state, GenerateOptions generate, const JobOptions& options,
                Reply<GenerateResult> reply);

  // The states are not empty.
  void log_probs(std::vector<StatePtr> states, const JobOptions& options,
                 Reply<Distributions> reply);

  // Returns at once; everything that is pending fails as cancelled.
  void stop() { scheduler_.stop(); }
  // Waits for the engine thread after stop(); a chunk at most.
  void join() { scheduler_.join(); }

 private:
  void check_state(const State& state, const char* function) const;
  void check_tokens(std::span<const std::int32_t> tokens, const char* what) const;
  void check_recall(const std::optional<RecallOptions>& recall, const char* function) const;

  std::shared_ptr<const Model> model_;
  Workbench workbench_;
  Scheduler scheduler_;  // last: its thread ends before what it works with
};

}  // namespace stateline::engine
