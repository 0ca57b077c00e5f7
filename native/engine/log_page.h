// A page of the log of recurrent memory: what up to 32 tokens add to the matrices before them. The
// states of one text share it, each as far as its own tokens go.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "engine/buffer.h"
#include "kernels/attention.h"

namespace stateline::engine {

class LogView;

class LogPage {
 public:
  LogPage(std::size_t bytes, std::shared_ptr<Storage> storage)
      : buffer_(bytes, std::move(storage)) {}

  std::byte* data() { return buffer_.data(); }

 private:
  friend class LogView;
  Buffer buffer_;
  std::array<std::atomic<std::size_t>, kernels::kPageTokens + 1> views_{};  // by their tokens
};

// The first tokens of a page, or of none.
class LogView {
 public:
  LogView() = default;
  LogView(std::shared_ptr<LogPage> page, std::size_t tokens)
      : page_(std::move(page)), tokens_(tokens) {
    enter();
  }
  ~LogView() { leave(); }
  LogView(const LogView& other) : page_(other.page_), tokens_(other.tokens_) { enter(); }
  LogView(LogView&& other) noexcept
      : page_(std::move(other.page_)), tokens_(std::exchange(other.tokens_, 0)) {}
  LogView& operator=(LogView other) noexcept {
    std::swap(page_, other.page_);
    std::swap(tokens_, other.tokens_);
    return *this;
  }

  std::size_t tokens() const { return tokens_; }
  const std::shared_ptr<LogPage>& page() const { return page_; }
  std::size_t bytes() const { return page_ ? page_->buffer_.size() : 0; }

  // Whether nobody has tokens of this page after these: then more may be written there. Only the
  // engine's thread writes or lengthens views; another may end them.
  bool is_longest() const {
    for (std::size_t n = tokens_ + 1; n < page_->views_.size(); ++n)
      if (page_->views_[n].load(std::memory_order_acquire) > 0) return false;
    return true;
  }
  // The same tokens in a page of its own.
  LogView copy(const std::shared_ptr<Storage>& storage) const {
    auto twin = std::make_shared<LogPage>(bytes(), storage);
    twin->buffer_.assign(page_->buffer_);
    return {std::move(twin), tokens_};
  }

 private:
  void enter() {
    if (page_) page_->views_[tokens_].fetch_add(1, std::memory_order_acq_rel);
  }
  void leave() {
    if (page_) page_->views_[tokens_].fetch_sub(1, std::memory_order_acq_rel);
  }

  std::shared_ptr<LogPage> page_;
  std::size_t tokens_ = 0;
};

}  // namespace stateline::engine
