// Decoding a token allocates nothing: this program's operator new counts.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <atomic>
#include <cstdlib>
#include <new>

#include "engine/jobs.h"
#include "engine_testing.h"

namespace {

std::atomic<std::size_t> allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  // aligned_alloc wants a multiple of the alignment.
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace stateline::testing {
namespace {

TEST_CASE("after its first token a generation allocates nothing until its end") {
  const auto model = load(Checkpoint(tiny_config(), 101));
  engine::Workbench workbench(*model, 2);
  for (std::size_t state_heads = 0; state_heads <= model->plan().heads; ++state_heads) {
    for (const float temperature : {0.0f, 1.0f}) {
      CAPTURE(state_heads);
      Branch branch(*model, *State::initial(*model, state_heads, 48));
      workbench.executor->advance(branch, random_tokens(75, model->plan().vocab_size, 102));
      Waiting<engine::GenerateResult> waiting;
      engine::GenerateOptions options;
      options.max_tokens = 200;  // over several pages, and through the window
      options.sampling = {.temperature = temperature, .top_p = 0.9f, .seed = 1};
      engine::GenerateJob job(workbench, branch.freeze(), options, {}, waiting.reply());
      REQUIRE_FALSE(job.run_chunk());
      const std::size_t before = allocations.load();
      for (std::size_t token = 2; token < options.max_tokens; ++token) {
        if (job.run_chunk()) break;
      }
      CHECK(allocations.load() == before);
      CHECK(job.run_chunk());
    }
  }
}

}  // namespace
}  // namespace stateline::testing
