#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "kernels/recurrent_log.h"

#include <memory>
#include <new>

#include "testing.h"

namespace stateline::kernels::testing {
namespace {

struct Shape {
  size_t key_heads, heads_per_key, K, V;
  bool skip = false;
};

const Shape kShapes[] = {{5, 1, 64, 32}, {1, 6, 128, 32, true},  {2, 3, 128, 64},  {4, 1, 128, 128},
                         {3, 1, 17, 5},  {1, 2, 255, 253, true}, {2, 2, 256, 256}, {1, 1, 1, 1}};

struct AlignedFree {
  void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
};

// Some heads of a layer, a base, an empty part (of NaN: what is not written must not matter), and
// the rows of 32 tokens.
struct Layer {
  static constexpr size_t kTokens = kPageTokens;
  Shape shape;
  size_t heads, ldk, ldv;
  std::vector<uint32_t> head;
  std::vector<float> q, k, v, a, dt, D, base, y;
  std::unique_ptr<std::byte, AlignedFree> part;

  explicit Layer(const Shape& s)
      : shape(s),
        heads(s.key_heads * s.heads_per_key),
        ldk(s.key_heads * s.K + 1),
        ldv(heads * s.V + 3) {
    Random random(static_cast<uint32_t>(s.K * 31 + s.V));
    for (size_t g = s.key_heads; g > (s.key_heads > 2 ? 1 : 0); --g) {
      for (size_t i = 0; i < s.heads_per_key; ++i)
        head.push_back(static_cast<uint32_t>((g - 1) * s.heads_per_key + i));
    }
    q = random.normals(kTokens * ldk);
    k = random.normals(kTokens * ldk);
    v = random.normals(kTokens * ldv);
    D = random.normals(heads);
    for (size_t i = 0; i < kTokens * heads; ++i) {
      dt.push_back(random.uniform(0.001f, 0.2f));
      a.push_back(random.integer(0, 30) == 0 ? -60.0f : -random.uniform(0, 0.2f));
    }
    base = random.normals(head.size() * s.K * s.V);
    y.assign(kTokens * ldv, 7.0f);
    part.reset(static_cast<std::byte*>(::operator new (bytes(), std::align_val_t{64})));
    std::fill_n(part.get(), bytes(), std::byte{0xff});
  }

  size_t bytes() const { return log_bytes(head.size(), shape.heads_per_key, shape.K, shape.V); }

  LogArguments arguments(size_t from, size_t count) {
    return {.rows = {.tokens = count,
                     .heads = head.size(),
                     .head = head.data(),
                     .K = shape.K,
                     .V = shape.V,
                     .q = &q[from * ldk],
                     .ldq = ldk,
                     .k = &k[from * ldk],
                     .ldk = ldk,
                     .v = &v[from * ldv],
                     .ldv = ldv,
                     .a = &a[from * heads],
                     .dt = &dt[from * heads],
                     .lda = heads,
                     .scale = 0.3f,
                     .state = nullptr,
                     .y = &y[from * ldv],
                     .ldy = ldv,
                     .heads_per_key = shape.heads_per_key,
                     .D = shape.skip ? D.data() : nullptr},
            .base = base.data(),
            .part = part.get(),
            .held = from};
  }

  FoldArguments fold(size_t tokens, float* state) const {
    return {head.size(), shape.heads_per_key, shape.K, shape.V,
            base.data(), part.get(),          tokens,  state};
  }
};

void check_close(const std::vector<float>& expected, const std::vector<float>& actual) {
  const double bound = 2e-5 * largest(expected);
  CHECK(excess(expected, actual, [&](size_t) { return bound; }) <= 0);
}

// The recurrence in double over the first tokens: y of all of them, and the state after.
struct Truth {
  std::vector<float> state, y;
  Truth(const Shape& shape, size_t tokens) {
    ThreadPool pool(1);
    Layer layer(shape);
    state = layer.base;
    SsdArguments rows = layer.arguments(0, tokens).rows;
    rows.state = state.data();
    reference::ssd_prefill(pool, rows);
    y = layer.y;
  }
};

template <class Body>
void for_all_shapes(const Body& body) {
  CAPTURE(seed());
  ThreadPool pool(2);
  for (const Kernels* level : available_kernels()) {
    for (const Shape& shape : kShapes) {
      CAPTURE(std::string(level->level));
      CAPTURE(shape.heads_per_key);
      CAPTURE(shape.K);
      CAPTURE(shape.V);
      body(*level, pool, shape);
    }
  }
}

TEST_CASE("a log gives what the recurrence gives, however its tokens are cut") {
  for_all_shapes([](const Kernels& level, ThreadPool& pool, const Shape& shape) {
    const Truth truth(shape, Layer::kTokens);
    for (const std::vector<size_t>& cut : {std::vector<size_t>(32, 1), {32}, {1, 5, 2, 7, 16, 1}}) {
      CAPTURE(cut.size());
      Layer layer(shape);
      size_t held = 0;
      for (const size_t count : cut) {
        level.ssd_log(pool, layer.arguments(held, count));
        held += count;
      }
      check_close(truth.y, layer.y);
      std::vector<float> folded(truth.state.size());
      level.log_fold(pool, layer.fold(Layer::kTokens, folded.data()));
      check_close(truth.state, folded);
      level.log_fold(pool, layer.fold(Layer::kTokens, layer.base.data()));
      CHECK(layer.base == folded);  // in place
    }
  });
}

TEST_CASE("what a log keeps does not depend on how its tokens were cut") {
  for_all_shapes([](const Kernels& level, ThreadPool& pool, const Shape& shape) {
    Layer together(shape), stepped(shape);
    level.ssd_log(pool, together.arguments(0, Layer::kTokens));
    for (size_t t = 0; t < Layer::kTokens; ++t) level.ssd_log(pool, stepped.arguments(t, 1));
    CHECK(std::equal(together.part.get(), together.part.get() + together.bytes(),
                     stepped.part.get()));
  });
}

TEST_CASE("a log that is cut back and goes on otherwise holds what it would without the detour") {
  for_all_shapes([](const Kernels& level, ThreadPool& pool, const Shape& shape) {
    Layer layer(shape);
    level.ssd_log(pool, layer.arguments(0, 11));
    LogArguments detour = layer.arguments(20, 9);
    detour.held = 11;
    level.ssd_log(pool, detour);
    for (const size_t tokens : {0, 1, 7, 11}) {  // any beginning of a part is a state
      CAPTURE(tokens);
      std::vector<float> state(layer.base.size());
      level.log_fold(pool, layer.fold(tokens, state.data()));
      check_close(tokens == 0 ? layer.base : Truth(shape, tokens).state, state);
    }
    std::fill(layer.y.begin(), layer.y.end(), 7.0f);
    level.ssd_log(pool, layer.arguments(11, 5));
    const Truth truth(shape, 16);
    const auto new_rows = [&](const std::vector<float>& y) {
      return std::vector<float>(y.begin() + static_cast<std::ptrdiff_t>(11 * layer.ldv),
                                y.begin() + static_cast<std::ptrdiff_t>(16 * layer.ldv));
    };
    check_close(new_rows(truth.y), new_rows(layer.y));
  });
}

}  // namespace
}  // namespace stateline::kernels::testing
