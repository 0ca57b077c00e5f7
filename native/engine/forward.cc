#include "engine/forward.h"

#include <cassert>
#include <cstring>
#include <numeric>

namespace stateline::engine {
namespace {

constexpr std::size_t kAlignedFloats = 16;  // a cache line

}  // namespace

Forward::Forward(const Model& model, kernels::ThreadPool& pool, std::size_t max_tokens)
    : model_(model), ops_(model, pool), max_tokens_(max_tokens) {
  std::size_t floats = 0;
  for (const models::ScratchSpec& spec : model.plan().scratch())
    floats += max_tokens * spec.width + kAlignedFloats;
  memory_.resize(floats);
  float* next = memory_.data();
  for (const models::ScratchSpec& spec : model.plan().scratch()) {
    scratch_.push_back({reinterpret_cast<std::byte*>(next), spec.width});
    next += (max_tokens * spec.width + kAlignedFloats - 1) / kAlignedFloats * kAlignedFloats;
  }
  wanted_.reserve(max_tokens);
  texts_.reserve(max_tokens);
}

void Forward::advance(Branch& branch, std::span<const std::int32_t> tokens, Wanted wanted) {
  const std::size_t L = tokens.size();
  wanted_.resize(wanted == Wanted::kAll ? L : 1);
  std::iota(wanted_.begin(), wanted_.end(), L - wanted_.size());
  branch.open(L);
  texts_.assign(1, branch.text(0));
  run(branch.shape(), tokens);
  keep_hidden(wanted_.size() - 1, branch.hidden());
  branch.close();
}

std::vector<StatePtr> Forward::advance_through(Branch& branch, std::span<const std::int32_t> tokens,
                                               std::span<const std::size_t> checkpoints) {
  wanted_.clear();
  for (const std::size_t count : checkpoints) wanted_.push_back(count - 1);
  if (wanted_.empty() || wanted_.back() != tokens.size() - 1) wanted_.push_back(tokens.size() - 1);
  branch.open(tokens.size(), checkpoints);
  texts_.assign(1, branch.text(0));
  run(branch.shape(), tokens);
  keep_hidden(wanted_.size() - 1, branch.hidden());
  std::vector<StatePtr> states;
  for (Memory& memory : branch.close()) {
    keep_hidden(states.size(), memory.hidden);
    states.push_back(std::make_shared<const State>(model_, branch.shape(), std::move(memory)));
  }
  return states;
}

void Forward::step(std::span<Branch* const> branches, std::span<const std::int32_t> tokens) {
  assert(branches.size() == tokens.size());
  texts_.clear();
  for (Branch* branch : branches) {
    assert(branch->shape() == branches[0]->shape());
    branch->open(1);
    texts_.push_back(branch->text(texts_.size()));
  }
  wanted_.resize(texts_.size());
  std::iota(wanted_.begin(), wanted_.end(), std::size_t{0});
  run(branches[0]->shape(), tokens);
  for (std::size_t i = 0; i < branches.size(); ++i) {
    keep_hidden(i, branches[i]->hidden());
    branches[i]->close();
  }
}

void Forward::run(const StateShape& shape, std::span<const std::int32_t> tokens) {
  assert(!tokens.empty() && tokens.size() <= max_tokens_);
  const models::Pass pass(ops_, model_.plan(), *shape.layout, scratch_,
                          {.tokens = tokens,
                           .texts = texts_,
                           .wanted = wanted_,
                           .state_heads = shape.state_heads,
                           .window = shape.window});
  model_.network().forward(pass);
}

void Forward::keep_hidden(std::size_t row, Buffer& kept) const {
  std::memcpy(kept.data(), hidden() + row * model_.plan().hidden_size, kept.size());
}

LogitsHead::LogitsHead(const Model& model, kernels::ThreadPool& pool, std::size_t max_rows)
    : model_(model),
      pool_(pool),
      max_rows_(max_rows),
      gathered_(max_rows * model.plan().hidden_size),
      normed_(max_rows * model.plan().hidden_size) {}

void LogitsHead::compute(const float* hidden, std::size_t rows, float* out) {
  assert(rows <= max_rows_);
  const models::Plan& plan = model_.plan();
  const std::size_t d = plan.hidden_size;
  const Weights& weights = model_.weights();
  model_.kernels().rms_norm(rows, 1, d, hidden, d, weights.vectors[plan.final_norm.index].data(),
                            plan.eps, normed_.data(), d);
  model_.kernels().linear(pool_, weights.matrices[plan.head.index], normed_.data(), rows, d, out,
                          plan.vocab_size, {.scale = plan.logit_scale});
}

void LogitsHead::compute(std::span<const Buffer* const> hidden, float* out) {
  assert(hidden.size() <= max_rows_);
  const std::size_t d = model_.plan().hidden_size;
  for (std::size_t i = 0; i < hidden.size(); ++i)
    std::memcpy(&gathered_[i * d], hidden[i]->floats(), d * sizeof(float));
  compute(gathered_.data(), hidden.size(), out);
}

}  // namespace stateline::engine
