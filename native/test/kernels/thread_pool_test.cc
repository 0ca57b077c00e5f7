#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "testing.h"

#include <atomic>
#include <thread>

namespace stateline::kernels::testing {
namespace {

TEST_CASE("every block runs exactly once, run after run") {
  for (const unsigned threads : {1u, 2u, 3u, 8u}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (size_t round = 0; round < 2000; ++round) {
      const size_t blocks = round % 37;
      std::vector<std::atomic<int>> visits(blocks);
      pool.run(blocks, 1e9, [&](size_t block) { visits[block].fetch_add(1); });
      CHECK(std::all_of(visits.begin(), visits.end(), [](const auto& v) { return v.load() == 1; }));
    }
  }
}

TEST_CASE("what a helper wrote is seen after run, without a race") {
  ThreadPool pool(4);
  std::vector<size_t> values(64);
  for (size_t round = 1; round < 3000; ++round) {
    pool.run(values.size(), 1e9, [&](size_t block) { values[block] += block; });
    CHECK(values[63] == 63 * round);
  }
}

TEST_CASE("short work stays on the calling thread") {
  ThreadPool pool(2);
  const auto self = std::this_thread::get_id();
  for (int round = 0; round < 100; ++round) {
    pool.run(10, 1000, [&](size_t) { CHECK(std::this_thread::get_id() == self); });
  }
  CHECK(pool.blocks_for(100, 1000) == 1);
  CHECK(pool.blocks_for(100, 1e9) == 32);
  CHECK(pool.blocks_for(3, 1e9) == 3);
}

TEST_CASE("a second caller works alone instead of waiting") {
  ThreadPool pool(2);
  std::atomic<int> total{0};
  const auto many = [&] {
    for (int round = 0; round < 500; ++round) pool.run(8, 1e9, [&](size_t) { total.fetch_add(1); });
  };
  std::thread other(many);
  many();
  other.join();
  CHECK(total.load() == 2 * 500 * 8);
}

TEST_CASE("scratch grows, is aligned, and keeps its place while it suffices") {
  ThreadPool pool(1);
  std::byte* big = pool.scratch(1000);
  CHECK(reinterpret_cast<uintptr_t>(big) % 64 == 0);
  CHECK(pool.scratch(10) == big);
  CHECK(reinterpret_cast<uintptr_t>(pool.scratch(100000)) % 64 == 0);
}

TEST_CASE("after memory that could not be had, scratch is as large as it says") {
  ThreadPool pool(1);
  pool.scratch(1000);
  CHECK_THROWS_AS(pool.scratch(SIZE_MAX / 4), std::bad_alloc);
  constexpr size_t kBytes = 1 << 22;
  std::byte* memory = pool.scratch(kBytes);
  REQUIRE(memory != nullptr);
  std::fill_n(memory, kBytes, std::byte{1});
  CHECK(memory[kBytes - 1] == std::byte{1});
}

TEST_CASE("levels are found by name") {
  CHECK(kernels_for("reference") != nullptr);
  CHECK(kernels_for("scalar") != nullptr);
  CHECK(kernels_for("z80") == nullptr);
  for (const Kernels* table : available_kernels()) CHECK(kernels_for(table->level) == table);
}

}  // namespace
}  // namespace stateline::kernels::testing
