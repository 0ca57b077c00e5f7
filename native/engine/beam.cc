#include "engine/beam.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace stateline::engine {
namespace {

constexpr float kLeast = -std::numeric_limits<float>::infinity();

void append(std::vector<std::int32_t>& tokens, std::vector<float>& log_probs, Sample sample) {
  tokens.push_back(sample.token);
  log_probs.push_back(sample.log_prob);
}

// Without the stop token.
std::span<const std::int32_t> written(const GeneratedText& text) {
  const std::span<const std::int32_t> tokens(text.tokens);
  return text.end == GenerateEnd::kStop ? tokens.first(tokens.size() - 1) : tokens;
}

}  // namespace

BeamJob::BeamJob(Workbench& workbench, StatePtr state, GenerateOptions generate,
                 const JobOptions& options, Reply<GenerateResult> reply)
    : Job(options.priority, options.cancellation),
      workbench_(workbench),
      state_(std::move(state)),
      generate_(std::move(generate)),
      reply_(std::move(reply)),
      sampler_(generate_.sampling, workbench.model) {}

bool BeamJob::run_chunk() {
  if (generate_.max_tokens == 0) {
    result_.state = state_;
    return true;
  }
  if (open_.empty()) begin();
  grow(best_steps());
  const bool decided = open_.empty() || is_hopeless(open_.front().log_prob);
  if (!decided && !generate_.is_full(open_.front().tokens.size(), made_)) return false;
  finish();
  return true;
}

void BeamJob::begin() {
  if (generate_.recall) {
    const Tokens& context = generate_.recall->context;
    const std::size_t seen = std::min(context.size(), Recall::kSurroundings + 1);
    recall_end_.assign(context.end() - static_cast<std::ptrdiff_t>(seen), context.end());
    recollection_.emplace(workbench_.model.recall_weights(), std::move(generate_.recall->memory),
                          std::move(generate_.recall->context), 0,
                          workbench_.model.plan().vocab_size);
  }
  Hypothesis nothing;
  nothing.branch = std::make_unique<Branch>(workbench_.model, *state_);
  open_.push_back(std::move(nothing));
  predict();
}

// As many as the beam is wide, the likeliest first.
std::vector<BeamJob::Step> BeamJob::best_steps() const {
  std::vector<Step> steps;
  for (std::size_t from = 0; from < open_.size(); ++from) {
    for (const Sample& sample : open_[from].next) {
      const float log_prob = open_[from].log_prob + sample.log_prob;
      steps.push_back({from, sample, std::isnan(log_prob) ? kLeast : log_prob});
    }
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& a, const Step& b) { return a.log_prob > b.log_prob; });
  if (steps.size() > generate_.beam) steps.resize(generate_.beam);
  return steps;
}

// Takes the steps that may still lead to the likeliest text; one that ends its text costs nothing,
// so it is kept in any case.
void BeamJob::grow(const std::vector<Step>& steps) {
  std::vector<const Step*> taken;
  std::vector<std::size_t> children(open_.size());
  for (const Step& step : steps) {
    if (generate_.stops_at(step.sample.token)) {
      end(open_[step.from], step);
    } else if (!is_hopeless(step.log_prob)) {
      taken.push_back(&step);
      ++children[step.from];
    }
  }
  std::vector<Hypothesis> longer;
  for (const Step* step : taken) {
    Hypothesis& from = open_[step->from];
    Hypothesis one{from.tokens, from.log_probs, step->log_prob, nullptr, {}};
    append(one.tokens, one.log_probs, step->sample);
    // The last child goes on with the branch itself.
    one.branch = --children[step->from] == 0 ? std::move(from.branch)
                                             : std::make_unique<Branch>(from.branch->fork());
    longer.push_back(std::move(one));
  }
  open_ = std::move(longer);
  if (open_.empty()) return;
  read_last_tokens();
  if (open_.front().tokens.size() < generate_.max_tokens) predict();
}

// All hypotheses' in one pass: they are equally long.
void BeamJob::read_last_tokens() {
  std::vector<Branch*> branches;
  Tokens tokens;
  for (const Hypothesis& hypothesis : open_) {
    branches.push_back(hypothesis.branch.get());
    tokens.push_back(hypothesis.tokens.back());
  }
  workbench_.executor->step(branches, tokens);
}

void BeamJob::end(Hypothesis& from, const Step& step) {
  if (!is_hopeless(step.log_prob)) ended_state_ = from.branch->freeze();
  Ended one{{from.tokens, from.log_probs, GenerateEnd::kStop}, step.log_prob};
  append(one.text.tokens, one.text.log_probs, step.sample);
  const auto after = std::find_if(ended_.begin(), ended_.end(), [&](const Ended& other) {
    return other.log_prob < step.log_prob;
  });
  ended_.insert(after, std::move(one));
}

void BeamJob::predict() {
  const std::size_t vocab = workbench_.model.plan().vocab_size;
  std::vector<const Buffer*> hidden;
  for (const Hypothesis& hypothesis : open_) hidden.push_back(&hypothesis.branch->hidden());
  logits_.resize(hidden.size() * vocab);
  workbench_.executor->logits(hidden, logits_.data());
  for (std::size_t i = 0; i < open_.size(); ++i)
    choose_next(open_[i], std::span(logits_).subspan(i * vocab, vocab));
}

void BeamJob::choose_next(Hypothesis& hypothesis, std::span<float> logits) {
  if (recollection_) {
    Tokens end = recall_end_;
    end.insert(end.end(), hypothesis.tokens.begin(), hypothesis.tokens.end());
    const float norm = workbench_.model.kernels().log_sum_exp(logits.size(), logits.data());
    mix(recollection_->after(end, logits, norm), norm, logits);
  }
  const std::span<const std::int32_t> allowed =
      hypothesis.tokens.empty() ? std::span<const std::int32_t>(generate_.first_tokens)
                                : std::span<const std::int32_t>();
  hypothesis.next = sampler_.likeliest(logits, generate_.beam, allowed);
}

// A text only becomes less likely as it goes on.
bool BeamJob::is_hopeless(float log_prob) const {
  return !ended_.empty() && log_prob <= ended_.front().log_prob;
}

void BeamJob::finish() {
  if (!open_.empty() && !is_hopeless(open_.front().log_prob)) {
    Hypothesis& best = open_.front();
    result_ = {{std::move(best.tokens), std::move(best.log_probs), GenerateEnd::kLength},
               best.branch->freeze(),
               {}};
  } else {
    result_ = {std::move(ended_.front().text), std::move(ended_state_), {}};
    ended_.erase(ended_.begin());
  }
  open_.clear();
  const auto same = [](const GeneratedText& a, const GeneratedText& b) {
    return written(a).size() == written(b).size() &&
           std::equal(written(a).begin(), written(a).end(), written(b).begin());
  };
  for (Ended& other : ended_) {
    std::vector<GeneratedText>& kept = result_.alternatives;
    if (kept.size() + 1 == generate_.beam) break;
    const bool known = same(other.text, result_) ||
                       std::any_of(kept.begin(), kept.end(), [&](const GeneratedText& text) {
                         return same(other.text, text);
                       });
    if (!known) kept.push_back(std::move(other.text));
  }
}

}  // namespace stateline::engine
