#include "engine/branch.h"

#include <algorithm>

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

void Branch::open(std::size_t tokens) {
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

void Branch::close(std::size_t tokens) {
  memory_.tokens += tokens;
  drop_unseen_pages();
}

Memory Branch::checkpoint(std::size_t tokens) {
  Memory memory = Memory::zero(shape_, model_.device());
  memory.tokens = memory_.tokens + tokens;
  const std::uint64_t count = shape_.page_count(memory.tokens);
  if (count == 0) return memory;
  const auto first = memory_.pages.begin() +
                     static_cast<std::ptrdiff_t>(shape_.first_page(memory.tokens) - first_page_);
  memory.pages.assign(first, first + static_cast<std::ptrdiff_t>(count));
  last_page_shared_ = true;
  return memory;
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
