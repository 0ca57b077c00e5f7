#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "testing.h"

namespace stateline::kernels::testing {
namespace {

struct Shape {
  size_t tokens, K, V;
  size_t heads_per_key = 1;
  bool skip = false;
};

// Random input of a layer with 5 key heads of which 3 are read, and places for the results.
struct Layer {
  static constexpr size_t kKeyHeads = 5;
  Shape shape;
  size_t heads, ldk, ldv;
  std::vector<uint32_t> head;
  std::vector<float> q, k, v, a, dt, D, state, y;

  Layer(const Shape& s, float mean_decay)
      : shape(s),
        heads(kKeyHeads * s.heads_per_key),
        ldk(kKeyHeads * s.K + 1),
        ldv(heads * s.V + 3) {
    Random random(static_cast<uint32_t>(s.tokens * 31 + s.K));
    for (const size_t key_head : {4, 0, 2}) {
      for (size_t i = 0; i < s.heads_per_key; ++i)
        head.push_back(static_cast<uint32_t>(key_head * s.heads_per_key + i));
    }
    q = random.normals(s.tokens * ldk);
    k = random.normals(s.tokens * ldk);
    v = random.normals(s.tokens * ldv);
    for (size_t i = 0; i < s.tokens * heads; ++i) {
      dt.push_back(random.uniform(0.001f, 0.2f));
      // Now and then a decay that forgets nearly all.
      a.push_back(random.integer(0, 30) == 0 ? -60.0f : -random.uniform(0, 2 * mean_decay));
    }
    D = random.normals(heads);
    state = random.normals(head.size() * s.K * s.V);
    y.assign(s.tokens * ldv, 7.0f);
  }

  SsdArguments arguments(size_t from, size_t count) {
    return {.tokens = count,
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
            .scale = 1 / std::sqrt(static_cast<float>(shape.K)),
            .state = state.data(),
            .y = &y[from * ldv],
            .ldy = ldv,
            .heads_per_key = shape.heads_per_key,
            .D = shape.skip ? D.data() : nullptr};
  }
};

void check_same(const Layer& expected, const Layer& actual) {
  const double y_bound = 2e-5 * largest(expected.y), state_bound = 2e-5 * largest(expected.state);
  CHECK(excess(expected.y, actual.y, [&](size_t) { return y_bound; }) <= 0);
  CHECK(excess(expected.state, actual.state, [&](size_t) { return state_bound; }) <= 0);
}

TEST_CASE("chunked ssd agrees with the recurrence in double") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const Shape& shape : {Shape{1, 64, 32},
                               {2, 8, 8},
                               {63, 64, 32},
                               {64, 64, 32},
                               {65, 64, 32},
                               {200, 64, 32},
                               {70, 17, 5},
                               {130, 128, 128},
                               {33, 3, 40},
                               {300, 16, 1},
                               {65, 256, 256},
                               {130, 128, 32, 6, true},
                               {700, 128, 64, 3},
                               {40, 17, 5, 2, true},
                               {129, 255, 253, 2}}) {
      for (const float decay : {0.0f, 0.01f, 3.0f}) {
        CAPTURE(std::string(level->level));
        CAPTURE(shape.tokens);
        CAPTURE(shape.K);
        CAPTURE(shape.V);
        CAPTURE(shape.heads_per_key);
        CAPTURE(decay);
        Layer expected(shape, decay), actual(shape, decay);
        ThreadPool pool(2);
        reference::ssd_prefill(pool, expected.arguments(0, shape.tokens));
        level->ssd_prefill(pool, actual.arguments(0, shape.tokens));
        check_same(expected, actual);
      }
    }
  }
}

TEST_CASE("small decays stay exact after the chunk has forgotten all many times over") {
  CAPTURE(seed());
  const Shape shape{64, 64, 32};
  for (const Kernels* level : levels()) {
    CAPTURE(std::string(level->level));
    Layer expected(shape, 0.01f), actual(shape, 0.01f);
    for (Layer* layer : {&expected, &actual}) {
      for (size_t i = 0; i < shape.tokens * layer->heads; ++i)
        layer->a[i] = i < 30 * layer->heads ? -900.7f : -0.0123f;
    }
    ThreadPool pool(1);
    reference::ssd_prefill(pool, expected.arguments(0, shape.tokens));
    level->ssd_prefill(pool, actual.arguments(0, shape.tokens));
    check_same(expected, actual);
  }
}

TEST_CASE("ssd is the same by steps, and by chunks cut anywhere") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const Shape& shape : {Shape{150, 64, 32}, {150, 64, 32, 4, true}}) {
      CAPTURE(std::string(level->level));
      CAPTURE(shape.heads_per_key);
      ThreadPool pool(2);
      Layer expected(shape, 0.05f), steps(shape, 0.05f), pieces(shape, 0.05f);
      reference::ssd_prefill(pool, expected.arguments(0, shape.tokens));
      for (size_t t = 0; t < shape.tokens; ++t) level->ssd_step(pool, steps.arguments(t, 1));
      check_same(expected, steps);
      for (size_t t = 0, count = 1; t < shape.tokens; t += count, count += 7) {
        level->ssd_prefill(pool, pieces.arguments(t, std::min(count, shape.tokens - t)));
      }
      check_same(expected, pieces);
    }
  }
}

TEST_CASE("ssd_step agrees with the reference at odd sizes") {
  CAPTURE(seed());
  for (const Kernels* level : levels()) {
    for (const Shape& shape : {Shape{1, 64, 32},
                               {1, 7, 5},
                               {1, 128, 33},
                               {1, 1, 1},
                               {1, 256, 251},
                               {1, 128, 64, 8, true},
                               {1, 31, 119, 3, true}}) {
      ThreadPool pool(1);
      Layer expected(shape, 0.5f), actual(shape, 0.5f);
      reference::ssd_step(pool, expected.arguments(0, 1));
      level->ssd_step(pool, actual.arguments(0, 1));
      check_same(expected, actual);
    }
  }
}

}  // namespace
}  // namespace stateline::kernels::testing
