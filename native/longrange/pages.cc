#include "longrange/pages.h"

#include "kernels/kernels.h"

namespace stateline::longrange {

using kernels::kPageTokens;

Pages::Pages(const Config& config)
    : layers_(config.layers),
      heads_(config.heads),
      width_(config.head_width()),
      slot_(kernels::slot_bytes(width_, width_)) {}

void Pages::reserve(std::uint64_t tokens) {
  while (pages_.size() * kPageTokens < tokens) {
    pages_.emplace_back(layers_ * heads_ * slot_, storage_);
    starts_.push_back(pages_.back().data());
  }
}

void Pages::write(std::size_t layer, std::uint64_t position, std::size_t count, const float* qkv,
                  std::size_t ld) {
  const std::size_t q = heads_ * width_;
  for (std::size_t t = 0; t < count; ++t) {
    const std::uint64_t at = position + t;
    std::byte* page = pages_[at / kPageTokens].data() + offset(layer);
    for (std::size_t h = 0; h < heads_; ++h) {
      const float* key = &qkv[t * ld + q + h * width_];
      kernels::write_slot(page + h * slot_, at % kPageTokens, width_, width_, key, key + q, 0, 0);
    }
  }
}

std::size_t Pages::bytes() const {
  std::size_t bytes = 0;
  for (const engine::Buffer& page : pages_) bytes += page.size();
  return bytes;
}

}  // namespace stateline::longrange
