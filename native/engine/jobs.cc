#include "engine/jobs.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace stateline::engine {
namespace {

// A draft begins short, since most that are refused are refused soon, and doubles while all of it
// is taken. With the token before it, the tokens that a pass reads by the recurrence itself.
constexpr std::size_t kFirstDraftTokens = 7;

}  // namespace

AdvanceJob::AdvanceJob(Workbench& workbench, StatePtr state, Tokens tokens,
                       std::vector<std::size_t> checkpoints, const JobOptions& options,
                       Reply<std::vector<StatePtr>> reply)
    : Job(options.priority, options.cancellation),
      workbench_(workbench),
      state_(std::move(state)),
      tokens_(std::move(tokens)),
      checkpoints_(std::move(checkpoints)),
      reply_(std::move(reply)) {}

bool AdvanceJob::run_chunk() {
  if (tokens_.empty()) {
    states_.assign(checkpoints_.size(), state_);
    return true;
  }
  if (!branch_) {
    branch_.emplace(workbench_.model, *state_);
    keep(state_, 0);
    state_.reset();
  }
  const std::size_t count = std::min(kPrefillChunk, tokens_.size() - position_);
  const std::span<const std::int32_t> chunk = std::span(tokens_).subspan(position_, count);
  const std::vector<std::size_t> stops = stops_within(count);
  if (stops.empty()) {
    workbench_.executor->advance(*branch_, chunk);
  } else {
    const std::vector<StatePtr> made = workbench_.executor->advance_through(*branch_, chunk, stops);
    for (std::size_t i = 0; i < stops.size(); ++i) keep(made[i], position_ + stops[i]);
  }
  position_ += count;
  if (position_ < tokens_.size()) return false;
  keep(std::move(*branch_).into_state(), position_);
  branch_.reset();
  return true;
}

// The checkpoints on the way through the next `count` tokens, counted from their beginning. The
// end of all is none of them: the branch itself becomes that state.
std::vector<std::size_t> AdvanceJob::stops_within(std::size_t count) const {
  std::vector<std::size_t> stops;
  for (std::size_t i = states_.size(); i < checkpoints_.size(); ++i) {
    if (checkpoints_[i] > position_ + count || checkpoints_[i] == tokens_.size()) break;
    const std::size_t stop = checkpoints_[i] - position_;
    if (stops.empty() || stops.back() != stop) stops.push_back(stop);
  }
  return stops;
}

// As the state after `position` tokens, as often as it was asked for.
void AdvanceJob::keep(const StatePtr& state, std::size_t position) {
  while (states_.size() < checkpoints_.size() && checkpoints_[states_.size()] == position)
    states_.push_back(state);
}

ScoreJob::ScoreJob(Workbench& workbench, StatePtr state, Tokens tokens,
                   std::optional<RecallOptions> recall, const JobOptions& options,
                   Reply<ScoreResult> reply)
    : Job(options.priority, options.cancellation),
      workbench_(workbench),
      tokens_(std::move(tokens)),
      reply_(std::move(reply)) {
  result_.state = std::move(state);
  if (recall)
    recollection_.emplace(workbench.model.recall_weights(), std::move(recall->memory),
                          std::move(recall->context), tokens_.size(),
                          workbench.model.plan().vocab_size);
}

bool ScoreJob::run_chunk() {
  if (position_ == tokens_.size()) return true;
  if (!branch_) {
    branch_.emplace(workbench_.model, *result_.state);
    logits_.resize(kScoreRows * workbench_.model.plan().vocab_size);
    result_.log_probs.assign(tokens_.size(), std::numeric_limits<float>::quiet_NaN());
    if (branch_->token_count() > 0) {
      workbench_.executor->logits(branch_->hidden(), logits_.data());
      keep_scores(1, 0);
    }
  }
  const std::size_t count = std::min(kPrefillChunk, tokens_.size() - position_);
  workbench_.executor->advance(*branch_, std::span(tokens_).subspan(position_, count),
                               Wanted::kAll);
  // Row t predicts token t + 1; the chunk's last row predicts the next chunk's first token.
  const std::size_t predicted = std::min(count, tokens_.size() - position_ - 1);
  for (std::size_t row = 0; row < predicted; row += kScoreRows) {
    const std::size_t rows = std::min(kScoreRows, predicted - row);
    workbench_.executor->logits_of_rows(row, rows, logits_.data());
    keep_scores(rows, position_ + row + 1);
  }
  position_ += count;
  if (position_ < tokens_.size()) return false;
  result_.state = branch_->freeze();
  branch_.reset();
  return true;
}

// Of the tokens from number `first_token` on, whose predictions are in logits_.
void ScoreJob::keep_scores(std::size_t rows, std::size_t first_token) {
  const std::size_t vocab = workbench_.model.plan().vocab_size;
  for (std::size_t row = 0; row < rows; ++row) {
    const float* logits = &logits_[row * vocab];
    const auto token = static_cast<std::size_t>(tokens_[first_token + row]);
    float& log_prob = result_.log_probs[first_token + row];
    const float norm = workbench_.model.kernels().log_sum_exp(vocab, logits);
    log_prob = logits[token] - norm;
    if (!recollection_) continue;
    while (recollected_ < first_token + row) recollection_->push(tokens_[recollected_++]);
    log_prob = mixed_log_prob(recollection_->next({logits, vocab}, norm),
                              tokens_[first_token + row], log_prob);
  }
}

LogProbsJob::LogProbsJob(Workbench& workbench, std::vector<StatePtr> states,
                         const JobOptions& options, Reply<Distributions> reply)
    : Job(options.priority, options.cancellation),
      workbench_(workbench),
      states_(std::move(states)),
      reply_(std::move(reply)) {}

bool LogProbsJob::run_chunk() {
  const std::size_t vocab = workbench_.model.plan().vocab_size;
  const std::size_t rows = std::min(kScoreRows, states_.size() - result_.size());
  if (rows == 0) return true;
  std::vector<const Buffer*> hidden;
  for (std::size_t i = 0; i < rows; ++i)
    hidden.push_back(&states_[result_.size() + i]->memory().hidden);
  std::vector<float> logits(rows * vocab);
  workbench_.executor->logits(hidden, logits.data());
  for (std::size_t i = 0; i < rows; ++i) {
    const std::span<const float> row = std::span(logits).subspan(i * vocab, vocab);
    const float norm = workbench_.model.kernels().log_sum_exp(vocab, row.data());
    std::vector<float>& log_probs = result_.emplace_back(row.begin(), row.end());
    for (float& value : log_probs) value -= norm;
  }
  return result_.size() == states_.size();
}

GenerateJob::GenerateJob(Workbench& workbench, StatePtr state, GenerateOptions generate,
                         const JobOptions& options, Reply<GenerateResult> reply)
    : Job(options.priority, options.cancellation),
      workbench_(workbench),
      state_(std::move(state)),
      generate_(std::move(generate)),
      reply_(std::move(reply)),
      sampler_(generate_.sampling, workbench.model) {}

bool GenerateJob::run_chunk() {
  if (generate_.max_tokens == 0) {
    result_.state = state_;
    return true;
  }
  if (!branch_) begin();
  const bool first = result_.tokens.empty();
  const Sample sample =
      sampler_.sample(logits_, first ? std::span<const std::int32_t>(generate_.first_tokens)
                                     : std::span<const std::int32_t>());
  keep(sample);
  if (generate_.stops_at(sample.token)) return finish(GenerateEnd::kStop);
  if (log_prob_ < generate_.least_log_prob) return finish(GenerateEnd::kUnlikely);
  if (const Tokens drafted = draft(); !drafted.empty()) {
    verify(sample.token, drafted);
    return false;
  }
  workbench_.executor->advance(*branch_, std::span(&sample.token, 1));
  if (generate_.is_full(result_.tokens.size(), made_)) return finish(GenerateEnd::kLength);
  predict();
  return false;
}

void GenerateJob::keep(const Sample& sample) {
  result_.tokens.push_back(sample.token);
  result_.log_probs.push_back(sample.log_prob);
  log_prob_ += sample.log_prob;
  if (recollection_) recollection_->push(sample.token);
}

void GenerateJob::begin() {
  constexpr std::size_t kReservedTokens = 512;  // far beyond a completion; longer runs may allocate
  const std::size_t reserved = std::min(generate_.max_tokens, kReservedTokens);
  branch_.emplace(workbench_.model, *state_);
  branch_->reserve(reserved);
  result_.tokens.reserve(reserved);
  result_.log_probs.reserve(reserved);
  logits_.resize(workbench_.model.plan().vocab_size);
  next_draft_tokens_ = kFirstDraftTokens;
  if (generate_.recall) {
    recollection_.emplace(workbench_.model.recall_weights(), std::move(generate_.recall->memory),
                          std::move(generate_.recall->context), generate_.max_tokens,
                          logits_.size());
  }
  predict();
}

void GenerateJob::predict() {
  workbench_.executor->logits(branch_->hidden(), logits_.data());
  mix_recalled(logits_);
}

void GenerateJob::mix_recalled(std::span<float> logits) {
  if (!recollection_) return;
  const float norm = workbench_.model.kernels().log_sum_exp(logits.size(), logits.data());
  mix(recollection_->next(logits, norm), norm, logits);
}

// Up to a stop token, and short enough that one more token may follow it.
Tokens GenerateJob::draft() const {
  if (!recollection_ || generate_.sampling.temperature > 0) return {};
  const std::size_t room = generate_.max_tokens - result_.tokens.size();
  if (room < 2 || generate_.recall->draft_tokens == 0) return {};
  const std::size_t most = std::min({generate_.recall->draft_tokens, room - 1, next_draft_tokens_});
  Tokens drafted = recollection_->draft(most);
  const auto is_end = [this](std::int32_t token) { return generate_.stops_at(token); };
  drafted.erase(std::find_if(drafted.begin(), drafted.end(), is_end), drafted.end());
  return drafted;
}

// Reads `token` and the draft in one chunk, keeps the draft as far as it is what would have been
// decoded, and leaves the prediction of what follows in logits_. Where tokens are logged, a state
// after each costs little and the text goes back to one of them; else it is read again.
void GenerateJob::verify(std::int32_t token, const Tokens& draft) {
  const std::size_t vocab = logits_.size();
  Tokens tokens{token};
  tokens.insert(tokens.end(), draft.begin(), draft.end());
  const StatePtr before = branch_->freeze();
  std::vector<StatePtr> states;
  draft_logits_.resize(tokens.size() * vocab);
  if (branch_->shape().layout->logged()) {
    states = read_with_states(tokens);
  } else {
    workbench_.executor->advance(*branch_, tokens, Wanted::kAll);
    workbench_.executor->logits_of_rows(0, tokens.size(), draft_logits_.data());
  }
  std::size_t accepted = 0;
  std::span<float> row;
  for (;; ++accepted) {
    row = std::span(draft_logits_).subspan(accepted * vocab, vocab);
    mix_recalled(row);
    if (accepted == draft.size()) break;
    const Sample sample = sampler_.sample(row);
    // The token that ends the text is left to the next chunk.
    const bool ends = log_prob_ + sample.log_prob < generate_.least_log_prob;
    if (sample.token != draft[accepted] || ends) break;
    keep(sample);
  }
  next_draft_tokens_ = accepted < draft.size() ? kFirstDraftTokens
                                               : std::min(2 * next_draft_tokens_, kMostDraftTokens);
  if (accepted < draft.size()) {
    branch_.emplace(workbench_.model, states.empty() ? *before : *states[accepted]);
    if (states.empty())
      workbench_.executor->advance(*branch_, std::span(tokens).first(accepted + 1));
  }
  std::copy(row.begin(), row.end(), logits_.begin());
}

// The state after each of the tokens, whose predictions are then in draft_logits_.
std::vector<StatePtr> GenerateJob::read_with_states(const Tokens& tokens) {
  std::vector<std::size_t> each(tokens.size());
  std::iota(each.begin(), each.end(), std::size_t{1});
  const std::vector<StatePtr> states = workbench_.executor->advance_through(*branch_, tokens, each);
  std::vector<const Buffer*> hidden;
  for (const StatePtr& state : states) hidden.push_back(&state->memory().hidden);
  workbench_.executor->logits(hidden, draft_logits_.data());
  return states;
}

bool GenerateJob::finish(GenerateEnd end) {
  result_.state = branch_->freeze();
  branch_.reset();
  result_.end = end;
  return true;
}

}  // namespace stateline::engine
