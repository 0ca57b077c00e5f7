#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "kernels/delta.h"

#include <cmath>

#include "testing.h"

namespace stateline::kernels::testing {
namespace {

struct Shape {
  size_t key_heads, heads_per_key, K, V;
};
const Shape kShapes[] = {{2, 1, 128, 128}, {2, 2, 12, 8},    {1, 3, 64, 100}, {3, 2, 128, 64},
                         {3, 1, 17, 5},    {1, 1, 256, 256}, {1, 1, 1, 1}};

// The rows of some tokens; keys and queries of unit length.
struct Layer {
  Shape shape;
  size_t tokens, heads, ldk, ldv;
  std::vector<uint32_t> head;
  std::vector<float> q, k, v, a, beta, state, y;

  Layer(const Shape& s, size_t count)
      : shape(s),
        tokens(count),
        heads(s.key_heads * s.heads_per_key),
        ldk(s.key_heads * s.K + 2),
        ldv(heads * s.V + 3) {
    Random random(static_cast<uint32_t>(count * 1000 + s.K * 31 + s.V));
    for (size_t h = 0; h < heads; ++h) head.push_back(static_cast<uint32_t>(h));
    q = unit_rows(random);
    k = unit_rows(random);
    v = random.normals(tokens * ldv);
    for (size_t i = 0; i < tokens * heads; ++i) {
      beta.push_back(random.uniform(0.0f, 1.0f));
      a.push_back(random.integer(0, 30) == 0 ? -60.0f : -random.uniform(0, 0.3f));
    }
    state = random.normals(heads * s.K * s.V);
    y.assign(tokens * ldv, 7.0f);
  }

  std::vector<float> unit_rows(Random& random) const {
    std::vector<float> rows = random.normals(tokens * ldk);
    for (size_t t = 0; t < tokens; ++t) {
      for (size_t g = 0; g < shape.key_heads; ++g) {
        float* row = &rows[t * ldk + g * shape.K];
        float sum = 1e-6f;
        for (size_t c = 0; c < shape.K; ++c) sum += row[c] * row[c];
        for (size_t c = 0; c < shape.K; ++c) row[c] /= std::sqrt(sum);
      }
    }
    return rows;
  }

  SsdArguments rows(size_t first, size_t count) {
    return {.tokens = count,
            .heads = heads,
            .head = head.data(),
            .K = shape.K,
            .V = shape.V,
            .q = &q[first * ldk],
            .ldq = ldk,
            .k = &k[first * ldk],
            .ldk = ldk,
            .v = &v[first * ldv],
            .ldv = ldv,
            .a = &a[first * heads],
            .dt = &beta[first * heads],
            .lda = heads,
            .scale = 0.3f,
            .state = state.data(),
            .y = &y[first * ldv],
            .ldy = ldv,
            .heads_per_key = shape.heads_per_key};
  }
};

// The greatest difference, relative to the largest value.
double greatest_error(const std::vector<float>& a, const std::vector<float>& b) {
  return excess(a, b, [](size_t) { return 0.0; }) / largest(b);
}

TEST_CASE("the delta rule is that of the double recurrence on every level, however it is cut") {
  for (const Shape& shape : kShapes) {
    for (const size_t tokens : {1, 2, 8, 9, 64, 65, 300}) {
      Layer wanted(shape, tokens);
      ThreadPool one(1), two(2);
      reference::delta(one, wanted.rows(0, tokens));
      for (const Kernels* kernels : available_kernels()) {
        CAPTURE(seed());
        CAPTURE(kernels->level);
        CAPTURE(shape.K);
        CAPTURE(tokens);
        Layer whole(shape, tokens), cut(shape, tokens);
        kernels->delta(two, whole.rows(0, tokens));
        CHECK(greatest_error(whole.y, wanted.y) <= 5e-5);
        CHECK(greatest_error(whole.state, wanted.state) <= 5e-5);
        for (size_t t = 0, count = 1; t < tokens; t += count, count += 3)
          kernels->delta(one, cut.rows(t, std::min(count, tokens - t)));
        CHECK(greatest_error(cut.y, wanted.y) <= 5e-5);
        CHECK(greatest_error(cut.state, wanted.state) <= 5e-5);
      }
    }
  }
}

TEST_CASE("small decays stay exact after a chunk has forgotten all many times over") {
  const Shape shape{2, 1, 64, 32};
  constexpr size_t kTokens = 64;
  const auto layer_of = [&] {
    Layer layer(shape, kTokens);
    for (size_t i = 0; i < layer.a.size(); ++i)
      layer.a[i] = i < 30 * layer.heads ? -900.7f : -0.0123f;
    return layer;
  };
  ThreadPool one(1);
  Layer wanted = layer_of();
  reference::delta(one, wanted.rows(0, kTokens));
  for (const Kernels* kernels : available_kernels()) {
    CAPTURE(seed());
    CAPTURE(kernels->level);
    Layer layer = layer_of();
    kernels->delta(one, layer.rows(0, kTokens));
    CHECK(greatest_error(layer.y, wanted.y) <= 5e-5);
    CHECK(greatest_error(layer.state, wanted.state) <= 5e-5);
  }
}

TEST_CASE("from a base and a log the delta rule is the same, and the log folds into its matrices") {
  for (const Shape& shape : kShapes) {
    constexpr size_t kTokens = kPageTokens;
    Layer wanted(shape, kTokens);
    ThreadPool one(1), two(2);
    reference::delta(one, wanted.rows(0, kTokens));
    const size_t bytes = log_bytes(wanted.heads, shape.heads_per_key, shape.K, shape.V);
    for (const Kernels* kernels : available_kernels()) {
      for (const size_t piece : {1, 5, 16, 31, 32}) {
        CAPTURE(seed());
        CAPTURE(kernels->level);
        CAPTURE(shape.K);
        CAPTURE(piece);
        Layer layer(shape, kTokens);
        const std::vector<float> base = layer.state;
        std::vector<double> part(bytes / sizeof(double) + 1, NAN);
        auto* log = reinterpret_cast<std::byte*>(part.data());
        for (size_t at = 0; at < kTokens; at += piece) {
          const size_t count = std::min(piece, kTokens - at);
          kernels->delta_log(two, {layer.rows(at, count), base.data(), log, at});
        }
        CHECK(greatest_error(layer.y, wanted.y) <= 5e-5);
        CHECK(layer.state == base);
        kernels->log_fold(one, {layer.heads, shape.heads_per_key, shape.K, shape.V, base.data(),
                                log, kTokens, layer.state.data()});
        CHECK(greatest_error(layer.state, wanted.state) <= 5e-5);
      }
    }
  }
}

}  // namespace
}  // namespace stateline::kernels::testing
