#include "engine/branch.h"

#include <algorithm>
#include <utility>

namespace stateline::engine {

using kernels::kPageTokens;

Branch::Branch(const Model& model, const State& state)
    : Branch(model, state.shape(), state.memory().copy()) {}

Branch::Branch(const Model& model, const StateShape& shape, Memory memory)
    : model_(model),
      shape_(shape),
      memory_(std::move(memory)),
      first_page_(shape_.first_page(memory_.tokens)),
      last_page_shared_(!memory_.pages.empty()) {
  for (const std::shared_ptr<KvPage>& page : memory_.pages) page_data_.push_back(page->data());
}

Branch Branch::fork() {
  last_page_shared_ = !memory_.pages.empty();
  return {model_, shape_, memory_.copy()};
}

StatePtr Branch::freeze() { return fork().into_state(); }

StatePtr Branch::into_state() && {
  return std::make_shared<const State>(model_, shape_, std::move(memory_));
}

void Branch::reserve(std::size_t tokens) {
  if (shape_.page_bytes() == 0) return;
  const std::size_t pages =
      tokens / kPageTokens + 2;  // one more for the copy of a shared last page
  memory_.pages.reserve(memory_.pages.size() + pages);
  page_data_.reserve(page_data_.size() + pages);
  spare_pages_.reserve(pages);
  while (spare_pages_.size() < pages)
    spare_pages_.push_back(std::make_shared<KvPage>(shape_.page_bytes(), model_.device()));
}

void Branch::open(std::size_t tokens, std::span<const std::size_t> checkpoints) {
  opened_ = tokens;
  open_pages(tokens);
  for (const std::size_t count : checkpoints) kept_.push_back(checkpoint(count));
  if (shape_.layout->logged()) {
    open_logs(tokens);
  } else {
    open_matrices();
  }
  for (std::size_t i = 0; i < kept_.size(); ++i) checkpoints_[i].conv = kept_[i].conv.floats();
}

void Branch::open_pages(std::size_t tokens) {
  if (shape_.page_bytes() == 0) return;
  drop_unseen_pages();
  const bool last_is_partial = memory_.tokens % kPageTokens != 0;
  if (last_is_partial && last_page_shared_) {
    std::shared_ptr<KvPage> twin = new_page();
    twin->assign(*memory_.pages.back());
    page_data_.back() = twin->data();
    memory_.pages.back() = std::move(twin);
  }
  const std::uint64_t end = (memory_.tokens + tokens + kPageTokens - 1) / kPageTokens;
  while (first_page_ + memory_.pages.size() < end) append_page(new_page());
  last_page_shared_ = false;
}

// Every token changes the matrices: a memory on the way has its own.
void Branch::open_matrices() {
  if (memory_.recurrent.use_count() > 1)
    memory_.recurrent = std::make_shared<Buffer>(memory_.recurrent->copy());
  next_recurrent_ = memory_.recurrent;
  for (Memory& memory : kept_) {
    memory.recurrent = new_matrices();
    checkpoints_.push_back({memory.tokens - memory_.tokens, memory.recurrent->floats(), nullptr});
  }
}

// Matrices change at pages' ends alone: memories inside a page have those of its beginning and its
// log. Pages in which no memory ends are not logged.
void Branch::open_logs(std::size_t tokens) {
  const std::size_t before = memory_.log.tokens(), end = before + tokens;
  const std::size_t pages = (end + kPageTokens - 1) / kPageTokens;
  logs_.assign(pages, nullptr);
  const auto log_of = [&](std::size_t page) -> const std::shared_ptr<LogPage>& {
    if (!logs_[page])
      logs_[page] = std::make_shared<LogPage>(shape_.layout->log_bytes(), model_.device());
    return logs_[page];
  };
  if (before > 0) {
    if (!memory_.log.is_longest()) memory_.log = memory_.log.copy(model_.device());
    logs_[0] = memory_.log.page();
  }
  if (end % kPageTokens != 0) log_of(pages - 1);
  std::size_t last_page = 0;
  std::shared_ptr<Buffer> base = memory_.recurrent;
  for (Memory& memory : kept_) {
    const std::size_t count = memory.tokens - memory_.tokens;
    const std::size_t page = (before + count) / kPageTokens,
                      inside = (before + count) % kPageTokens;
    const bool first_there = page != last_page;
    if (first_there) base = new_matrices();
    memory.recurrent = base;
    if (inside > 0) memory.log = {log_of(page), inside};
    checkpoints_.push_back({count, first_there ? base->floats() : nullptr, nullptr});
    last_page = page;
  }
  log_data_.clear();
  for (const std::shared_ptr<LogPage>& page : logs_)
    log_data_.push_back(page ? page->data() : nullptr);
  const bool turns = end >= kPageTokens, shared = memory_.recurrent.use_count() > 1;
  next_recurrent_ = turns && shared ? new_matrices() : memory_.recurrent;
}

models::Text Branch::text(std::size_t first_row) {
  return {first_row,
          opened_,
          {.recurrent = memory_.recurrent->floats(),
           .next_recurrent = next_recurrent_->floats(),
           .conv_before = memory_.conv.floats(),
           .conv_after = memory_.conv.floats(),
           .pages = page_data_.data(),
           .page_count = page_data_.size(),
           .first_position = first_page_ * kPageTokens,
           .position = memory_.tokens,
           .logs = log_data_,
           .logged = memory_.log.tokens()},
          checkpoints_};
}

std::vector<Memory> Branch::close() {
  memory_.tokens += opened_;
  if (shape_.layout->logged()) {
    const std::size_t end = memory_.log.tokens() + opened_;
    const std::size_t inside = end % kPageTokens;
    memory_.log = inside > 0 ? LogView(logs_.back(), inside) : LogView();
    logs_.clear();
  }
  memory_.recurrent = std::move(next_recurrent_);
  drop_unseen_pages();
  checkpoints_.clear();
  return std::exchange(kept_, {});
}

// All but the matrices and their log, after the first `tokens` of those that the pass reads.
Memory Branch::checkpoint(std::size_t tokens) {
  Memory memory{nullptr,
                {},
                Buffer(shape_.conv_bytes(), model_.device()),
                Buffer(shape_.hidden_size * sizeof(float), model_.device()),
                {},
                memory_.tokens + tokens};
  const std::uint64_t count = shape_.page_count(memory.tokens);
  if (count == 0) return memory;
  const auto first = memory_.pages.begin() +
                     static_cast<std::ptrdiff_t>(shape_.first_page(memory.tokens) - first_page_);
  memory.pages.assign(first, first + static_cast<std::ptrdiff_t>(count));
  last_page_shared_ = true;
  return memory;
}

std::shared_ptr<Buffer> Branch::new_matrices() const {
  return std::make_shared<Buffer>(shape_.recurrent_bytes(), model_.device());
}

std::shared_ptr<KvPage> Branch::new_page() {
  if (spare_pages_.empty()) return std::make_shared<KvPage>(shape_.page_bytes(), model_.device());
  std::shared_ptr<KvPage> page = std::move(spare_pages_.back());
  spare_pages_.pop_back();
  return page;
}

void Branch::append_page(std::shared_ptr<KvPage> page) {
  page_data_.push_back(page->data());
  memory_.pages.push_back(std::move(page));
}

// Keeps the numbering exact: afterwards pages[0] is first_page(tokens), as in every state.
void Branch::drop_unseen_pages() {
  const std::uint64_t first = shape_.first_page(memory_.tokens);
  if (first == first_page_ || memory_.pages.empty()) return;
  const auto count = static_cast<std::ptrdiff_t>(
      std::min<std::uint64_t>(first - first_page_, memory_.pages.size()));
  memory_.pages.erase(memory_.pages.begin(), memory_.pages.begin() + count);
  page_data_.erase(page_data_.begin(), page_data_.begin() + count);
  first_page_ = first;
}

}  // namespace stateline::engine
