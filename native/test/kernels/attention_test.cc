#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "testing.h"

#include <memory>
#include <new>

namespace stateline::kernels::testing {
namespace {

struct Case {
  size_t tokens, K, V;
  uint64_t before;  // tokens cached before the queries
  uint64_t window;
  uint64_t dropped;  // pages dropped from the front
  size_t heads_per_key = 1;
  bool decays = true;
};

struct AlignedFree {
  void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
};

// A cache of one layer with two slots (of heads 3 and 1 of 4, or of two groups), behind another
// layer's slots.
struct Cache {
  static constexpr size_t kSlots = 2;
  Case shape;
  size_t heads;
  std::vector<uint32_t> head{3, 1};
  std::vector<std::unique_ptr<std::byte, AlignedFree>> memory;
  std::vector<const std::byte*> pages;
  std::vector<float> q, scale, y;
  size_t offset;

  explicit Cache(const Case& c)
      : shape(c), heads(std::max<size_t>(4, 2 * c.heads_per_key)), offset(slot_bytes(c.K, c.V)) {
    if (c.heads_per_key > 1) {
      head.clear();
      for (size_t h = 0; h < heads; ++h) head.push_back(static_cast<uint32_t>(heads - 1 - h));
      head.resize(kSlots * c.heads_per_key);
    }
    Random random(static_cast<uint32_t>(c.tokens * 13 + c.before + c.K));
    const uint64_t total = c.before + c.tokens;
    const size_t page_bytes = offset + kSlots * slot_bytes(c.K, c.V);
    for (uint64_t p = c.dropped; p * kPageTokens < total; ++p) {
      memory.emplace_back(
          static_cast<std::byte*>(::operator new (page_bytes, std::align_val_t{64})));
      std::fill_n(memory.back().get(), page_bytes,
                  std::byte{0xff});  // NaN: what is not written must not matter
      pages.push_back(memory.back().get());
    }
    for (size_t i = 0; i < kSlots; ++i) {
      double cumulative = c.decays ? -1000 : 0;
      for (uint64_t t = c.dropped * kPageTokens; t < total; ++t) {
        if (c.decays) cumulative -= random.integer(0, 40) == 0 ? 5.0f : random.uniform(0, 0.05f);
        std::byte* slot =
            memory[t / kPageTokens - c.dropped].get() + offset + i * slot_bytes(c.K, c.V);
        const auto k = random.normals(c.K), v = random.normals(c.V);
        write_slot(slot, t % kPageTokens, c.K, c.V, k.data(), v.data(), cumulative,
                   c.decays ? random.uniform(-7, 0) : 0.0f);
      }
    }
    q = random.normals(c.tokens * (heads * c.K + 1));
    for (size_t h = 0; h < heads; ++h) scale.push_back(random.uniform(0.05f, 0.5f));
    y.assign(c.tokens * heads * c.V, 9.0f);
  }

  AttentionArguments arguments(size_t from, size_t count) {
    const size_t ldq = heads * shape.K + 1, ldy = heads * shape.V;
    return {.tokens = count,
            .heads = head.size(),
            .head = head.data(),
            .K = shape.K,
            .V = shape.V,
            .q = &q[from * ldq],
            .ldq = ldq,
            .query_scale = scale.data(),
            .pages = pages.data(),
            .page_count = pages.size(),
            .offset = offset,
            .first_position = shape.dropped * kPageTokens,
            .first_query = shape.before + from,
            .window = shape.window,
            .y = &y[from * ldy],
            .ldy = ldy,
            .key_bound = nullptr,
            .heads_per_key = shape.heads_per_key};
  }
};

const Case kCases[] = {
    {1, 64, 32, 0, 0, 0},
    {1, 64, 32, 500, 0, 0},
    {1, 64, 32, 500, 100, 0},
    {1, 64, 32, 500, 100, 12},
    {40, 64, 32, 0, 0, 0},
    {256, 64, 32, 0, 0, 0},
    {100, 64, 32, 77, 0, 0},
    {100, 64, 32, 777, 64, 20},
    {9, 64, 32, 31, 33, 0},
    {70, 17, 5, 20, 40, 0},
    {33, 128, 128, 95, 0, 0},
    {5, 3, 40, 64, 32, 1},
    {50, 64, 32, 10, 1, 0},
    {1, 64, 64, 900, 0, 0, 7, false},
    {1, 256, 256, 200, 0, 0, 4, false},
    {1, 64, 64, 333, 0, 0, 3},
    {1, 128, 128, 40, 16, 0, 12},
    {60, 64, 64, 70, 0, 0, 7, false},
    {33, 256, 256, 95, 0, 0, 4, false},
    {9, 250, 249, 31, 20, 0, 2},
};

TEST_CASE("paged attention agrees with the reference, in blocks and token by token") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const Case& c : kCases) {
      CAPTURE(std::string(level->level));
      CAPTURE(c.tokens);
      CAPTURE(c.K);
      CAPTURE(c.V);
      CAPTURE(c.before);
      CAPTURE(c.window);
      CAPTURE(c.heads_per_key);
      Cache expected(c), together(c), stepped(c);
      ThreadPool pool(2);
      reference::attention(pool, expected.arguments(0, c.tokens));
      level->attention(pool, together.arguments(0, c.tokens));
      for (size_t t = 0; t < c.tokens; ++t) level->attention(pool, stepped.arguments(t, 1));
      const auto bound = [](size_t) { return 2e-5 * 4; };  // |v| reaches about 4
      CHECK(excess(expected.y, together.y, bound) <= 0);
      CHECK(excess(expected.y, stepped.y, bound) <= 0);
    }
  }
}

// With K = 1 a product reaches its bound again and again: a page passed over too early would show.
TEST_CASE("passing over decayed pages changes nothing that shows") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const Case& c : {Case{1, 64, 32, 1500, 0, 0},
                          {60, 64, 32, 1500, 0, 0},
                          {60, 1, 8, 1500, 0, 0},
                          {1, 1, 8, 300, 0, 0}}) {
      CAPTURE(std::string(level->level));
      CAPTURE(c.tokens);
      CAPTURE(c.K);
      Cache expected(c), pruned(c);
      const std::vector<float> bound(expected.heads,
                                     c.K == 1 ? 4.5f : 16.0f);  // |k| of 64 normals is about 8
      ThreadPool pool(1);
      reference::attention(pool, expected.arguments(0, c.tokens));
      AttentionArguments arguments = pruned.arguments(0, c.tokens);
      arguments.key_bound = bound.data();
      level->attention(pool, arguments);
      CHECK(excess(expected.y, pruned.y, [](size_t) { return 2e-5 * 4; }) <= 0);
    }
  }
}

}  // namespace
}  // namespace stateline::kernels::testing
