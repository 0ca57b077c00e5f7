// Keys and values of the attending channels, in pages of 32 tokens: [layers][heads] slots.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/buffer.h"
#include "engine/cpu_device.h"
#include "longrange/config.h"

namespace stateline::longrange {

class Pages {
 public:
  explicit Pages(const Config& config);

  // Makes room for so many tokens in all.
  void reserve(std::uint64_t tokens);
  // Keys and values of rows [count, ld], [q | k | v] with rotated keys, of the tokens from
  // `position` on.
  void write(std::size_t layer, std::uint64_t position, std::size_t count, const float* qkv,
             std::size_t ld);

  const std::byte* const* starts() const { return starts_.data(); }
  std::size_t count() const { return starts_.size(); }
  std::size_t offset(std::size_t layer) const { return layer * heads_ * slot_; }
  std::size_t bytes() const;

 private:
  std::size_t layers_, heads_, width_, slot_;
  std::shared_ptr<engine::Storage> storage_ = std::make_shared<engine::CpuDevice>();
  std::vector<engine::Buffer> pages_;
  std::vector<const std::byte*> starts_;
};

}  // namespace stateline::longrange
