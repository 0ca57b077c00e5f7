#include "engine/cuda_executor.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace stateline::engine {

using kernels::cuda::bf16;
using models::Rows;
using models::TextMemory;

CudaExecutor::CudaExecutor(std::shared_ptr<Device> device, CudaGpu gpu, const Model& model)
    : device_(std::move(device)),
      gpu_(gpu),
      model_(model),
      ops_(gpu, model.plan().family, kPrefillChunk) {
  allocate();
  rehearse();
  weights_.emplace(gpu, model);
  ops_.begin(*weights_);
}

void CudaExecutor::allocate() {
  const models::Plan& plan = model_.plan();
  for (const models::ScratchSpec& spec : plan.scratch()) {
    const DType type = spec.precision == models::Precision::kFull ? DType::kF32 : DType::kBF16;
    memory_.emplace_back(gpu_, kPrefillChunk * spec.width * block_of(type).bytes);
    scratch_.push_back({memory_.back().data(), spec.width, type});
  }
  std::size_t conv = 0, recurrent = 0;
  for (std::size_t heads = 0; heads <= plan.heads; ++heads) {
    conv = std::max(conv, model_.layout(heads)->conv_floats());
    recurrent = std::max(recurrent, model_.layout(heads)->recurrent_floats());
  }
  history_ = CudaArray<float>(gpu_, conv);
  step_conv_ = CudaArray<float>(gpu_, conv);
  step_recurrent_ = CudaArray<float>(gpu_, recurrent);
  normed_ = CudaArray<bf16>(gpu_, kScoreRows * plan.hidden_size);
  logits_ = CudaArray<float>(gpu_, kScoreRows * plan.vocab_size);
}

// Everything that the network may ask for, before anything is uploaded.
void CudaExecutor::rehearse() {
  const std::vector<std::int32_t> tokens(kPrefillChunk);
  TextMemory memory{};
  memory.recurrent = memory.next_recurrent = step_recurrent_.data();
  memory.conv_before = history_.data();
  memory.conv_after = step_conv_.data();
  wanted_.assign(1, 0);
  for (std::size_t heads = 0; heads <= model_.plan().heads; ++heads) {
    const StateShape shape = StateShape::of(model_, heads, 0);
    for (const std::size_t count : {std::size_t{1}, tokens.size()})
      read(shape, std::span(tokens).first(count), memory);
  }
  launch_head(scratch_[model_.plan().stream.index], 1);
}

void CudaExecutor::advance(Branch& branch, std::span<const std::int32_t> tokens, Wanted wanted) {
  const StateShape& shape = branch.shape();
  const std::size_t L = tokens.size();
  wanted_.resize(wanted == Wanted::kAll ? L : 1);
  std::iota(wanted_.begin(), wanted_.end(), L - wanted_.size());
  branch.open(L);
  TextMemory memory = branch.text(0).memory;
  ops_.put_tokens(tokens, L == 1 ? memory.first_position : 0);  // see read_one()
  put_pages({memory.pages, memory.page_count});
  memory.pages = pages_.data();
  // The kernels want the history before the tokens apart from the one after them.
  gpu_.copy(history_.data(), memory.conv_before, shape.conv_bytes());
  memory.conv_before = history_.data();
  (L == 1 ? read_one(shape, tokens, memory) : read(shape, tokens, memory));
  const Rows last = scratch_[model_.plan().stream.index].from(wanted_.size() - 1);
  gpu_.copy(branch.hidden().data(), last.data, branch.hidden().size());
  gpu_.finish();
  branch.close();
}

void CudaExecutor::put_pages(std::span<std::byte* const> pages) {
  if (pages.empty()) return;
  if (pages_.count() < pages.size()) pages_ = CudaArray<std::byte*>(gpu_, 2 * pages.size());
  gpu_.write(pages_.data(), pages);
}

void CudaExecutor::read(const StateShape& shape, std::span<const std::int32_t> tokens,
                        const TextMemory& memory) {
  const std::array<models::Text, 1> text{{{0, tokens.size(), memory}}};
  model_.network().forward(models::Pass(ops_, model_.plan(), *shape.layout, scratch_,
                                        {.tokens = tokens,
                                         .texts = text,
                                         .wanted = wanted_,
                                         .state_heads = shape.state_heads,
                                         .window = shape.window}));
}

// One token. A graph replays the arguments that it was captured with, so the branch's memory comes
// to one place and goes back, and positions are counted from the first page (only rotation wants to
// know where that is).
void CudaExecutor::read_one(const StateShape& shape, std::span<const std::int32_t> token,
                            const TextMemory& memory) {
  const bool attends = shape.page_bytes() > 0;  // else the position changes nothing
  StateShape here_shape = shape;
  TextMemory here = memory;
  here_shape.window = attends ? shape.window : 0;
  here.recurrent = here.next_recurrent = step_recurrent_.data();
  here.conv_after = step_conv_.data();
  here.position = attends ? memory.position - memory.first_position : 0;
  here.first_position = 0;
  gpu_.copy(here.next_recurrent, memory.recurrent, shape.recurrent_bytes());
  ops_.run_step({here_shape.state_heads, here_shape.window, here.position, here.pages},
                [&] { read(here_shape, token, here); });
  gpu_.copy(memory.next_recurrent, here.recurrent, shape.recurrent_bytes());
  gpu_.copy(memory.conv_after, here.conv_after, shape.conv_bytes());
}

void CudaExecutor::logits_of_rows(std::size_t first, std::size_t rows, float* out) {
  predict(scratch_[model_.plan().stream.index].from(first), rows, out);
}

void CudaExecutor::logits(std::span<const Buffer* const> hidden, float* out) {
  const std::size_t d = model_.plan().hidden_size, vocab = model_.plan().vocab_size;
  for (std::size_t i = 0; i < hidden.size(); ++i)
    predict({const_cast<std::byte*>(hidden[i]->data()), d}, 1, out + i * vocab);
}

void CudaExecutor::predict(Rows hidden, std::size_t rows, float* out) {
  launch_head(hidden, rows);
  gpu_.read(std::span(out, rows * model_.plan().vocab_size), logits_.data());
}

void CudaExecutor::launch_head(Rows hidden, std::size_t rows) {
  const models::Plan& plan = model_.plan();
  const std::size_t d = plan.hidden_size;
  const Rows normed{reinterpret_cast<std::byte*>(normed_.data()), d, DType::kBF16};
  ops_.norm({rows, 1, d, hidden, plan.final_norm, plan.eps, normed});
  ops_.linear({.W = plan.head,
               .rows = rows,
               .x = normed,
               .y = {reinterpret_cast<std::byte*>(logits_.data()), plan.vocab_size},
               .scale = plan.logit_scale});
}

}  // namespace stateline::engine
