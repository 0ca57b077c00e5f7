// Blocks that are given back are taken again, and only so many wait for it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/free_blocks.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

using stateline::engine::FreeBlocks;

std::vector<std::byte*> take(FreeBlocks& blocks, std::size_t count, std::size_t bytes) {
  std::vector<std::byte*> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(blocks.take(bytes));
  return out;
}

void give(FreeBlocks& blocks, const std::vector<std::byte*>& all) {
  for (std::byte* block : all) blocks.give(block);
}

TEST_CASE("a block of the same size is the one that was given back, aligned to a cache line") {
  FreeBlocks blocks;
  std::byte* block = blocks.take(1000);
  CHECK(reinterpret_cast<std::uintptr_t>(block) % 64 == 0);
  blocks.give(block);
  CHECK(blocks.bytes() == 1000);
  std::byte* other = blocks.take(1001);
  CHECK(other != block);
  CHECK(blocks.take(1000) == block);
  CHECK(blocks.bytes() == 0);
  give(blocks, {block, other});
}

TEST_CASE(
    "of large blocks sixteen wait, of small ones some megabytes, of huge ones half a gigabyte") {
  for (const std::size_t bytes :
       {std::size_t{1} << 20, std::size_t{4} << 20, std::size_t{60} << 20}) {
    FreeBlocks blocks;
    const std::vector<std::byte*> all = take(blocks, 40, bytes);
    give(blocks, all);
    const std::size_t most = std::clamp(16 * bytes, FreeBlocks::kLeast, FreeBlocks::kMost);
    CHECK(blocks.bytes() == most / bytes * bytes);
    for (std::byte* block : take(blocks, most / bytes, bytes)) {
      CHECK(std::find(all.begin(), all.end(), block) != all.end());
      blocks.give(block);
    }
  }
}

}  // namespace
