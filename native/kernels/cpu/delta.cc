#include "kernels/delta.h"

#include <cassert>
#include <cstring>

#include "kernels/cpu/simd.h"

namespace stateline::kernels::STATELINE_LEVEL {

Delta delta;
DeltaLog delta_log;

namespace {

constexpr size_t kPage = kPageTokens;
constexpr size_t kColumns = 4;                // vectors of a row at a time: independent sums
constexpr double kFlopsPerNs = 2.0 * kLanes;  // only the decision to split depends on it

// body(first column, columns) over [0, V) in runs of kColumns vectors.
template <class Body>
STATELINE_INLINE void for_columns(size_t V, const Body& body) {
  for (size_t d = 0; d < V; d += kColumns * kLanes) body(d, smaller(kColumns * kLanes, V - d));
}

// sums[i] += factor * row[i] for the vectors of a run of `count` columns.
STATELINE_INLINE void add_row(Vec (&sums)[kColumns], float factor, const float* row, size_t count) {
  STATELINE_UNROLL
  for (size_t i = 0; i < kColumns; ++i) {
    if (i * kLanes >= count) break;
    const Vec cells = load_up_to(row + i * kLanes, smaller(kLanes, count - i * kLanes));
    sums[i] = mul_add(splat(factor), cells, sums[i]);
  }
}

STATELINE_INLINE void store_row(const Vec (&sums)[kColumns], float scale, float* out,
                                size_t count) {
  for (size_t i = 0; i * kLanes < count; ++i)
    store_up_to(out + i * kLanes, sums[i] * splat(scale), smaller(kLanes, count - i * kLanes));
}

STATELINE_INLINE void clear(Vec (&sums)[kColumns]) {
  for (Vec& sum : sums) sum = splat(0);
}

// One head's tokens through its matrix.
void run_head(const SsdArguments& s, size_t index) {
  const size_t h = s.head[index], g = h / s.heads_per_key, K = s.K, V = s.V;
  float* const state = s.state + index * K * V;
  for (size_t t = 0; t < s.tokens; ++t) {
    const float *q = s.q + t * s.ldq + g * K, *k = s.k + t * s.ldk + g * K;
    const float* v = s.v + t * s.ldv + h * V;
    float* y = s.y + t * s.ldy + h * V;
    const float decay = exp(s.a[t * s.lda + h]), beta = s.dt[t * s.lda + h];
    for_columns(V, [&](size_t d, size_t count) {
      Vec read[kColumns], said[kColumns];
      clear(read);
      clear(said);
      for (size_t c = 0; c < K; ++c) add_row(read, k[c], state + c * V + d, count);
      Vec written[kColumns];
      for (size_t i = 0; i < kColumns; ++i) {
        written[i] = splat(0);
        if (i * kLanes >= count) continue;
        const Vec value = load_up_to(v + d + i * kLanes, smaller(kLanes, count - i * kLanes));
        written[i] = splat(beta) * (value - splat(decay) * read[i]);
      }
      for (size_t c = 0; c < K; ++c) {
        float* row = state + c * V + d;
        STATELINE_UNROLL
        for (size_t i = 0; i < kColumns; ++i) {
          if (i * kLanes >= count) break;
          const size_t n = smaller(kLanes, count - i * kLanes);
          const Vec cells =
              mul_add(splat(k[c]), written[i], splat(decay) * load_up_to(row + i * kLanes, n));
          store_up_to(row + i * kLanes, cells, n);
          said[i] = mul_add(splat(q[c]), cells, said[i]);
        }
      }
      store_row(said, s.scale, y + d, count);
    });
  }
}

// The heads that share a key head, from their bases and logs.
class LoggedGroup {
 public:
  LoggedGroup(const LogArguments& arguments, size_t group)
      : s_(arguments.rows),
        arguments_(arguments),
        first_(group * arguments.rows.heads_per_key),
        g_(arguments.rows.head[first_] / arguments.rows.heads_per_key) {}

  void run() {
    append_keys();
    for (size_t t = 0; t < s_.tokens; ++t) {
      score(s_.k + t * s_.ldk + g_ * s_.K, t, of_key_[t]);
      score(s_.q + t * s_.ldq + g_ * s_.K, t, of_query_[t]);
    }
    for (size_t i = 0; i < s_.heads_per_key; ++i) run_head(first_ + i);
  }

 private:
  LogView log_of(size_t index) const {
    return log_view(arguments_.part, index, s_.heads_per_key, s_.K, s_.V);
  }

  void append_keys() {
    float* keys = log_of(first_).k + arguments_.held * s_.K;
    for (size_t t = 0; t < s_.tokens; ++t)
      std::memcpy(keys + t * s_.K, s_.k + t * s_.ldk + g_ * s_.K, s_.K * sizeof(float));
  }

  // scores[j] = x . k_j for the tokens up to t.
  void score(const float* x, size_t t, float* scores) const {
    const float* keys = log_of(first_).k;
    for (size_t j = 0; j <= arguments_.held + t; ++j) {
      Vec products = splat(0);
      for_vectors(s_.K, [&](size_t c, size_t n) {
        products = mul_add(load_up_to(x + c, n), load_up_to(keys + j * s_.K + c, n), products);
      });
      scores[j] = sum(products);
    }
  }

  void run_head(size_t index) {
    const size_t h = s_.head[index], held = arguments_.held;
    const LogView log = log_of(index);
    double total = held == 0 ? 0 : log.cumulative[held - 1];
    for (size_t t = 0; t < s_.tokens; ++t) {
      total += static_cast<double>(s_.a[t * s_.lda + h]);
      log.cumulative[held + t] = total;
    }
    for_columns(s_.V, [&](size_t d, size_t count) {
      read_base(index, d, count);
      for (size_t t = 0; t < s_.tokens; ++t) write_token(index, log, t, d, count);
    });
  }

  // What the base says to every token's key and query: it is read once.
  void read_base(size_t index, size_t d, size_t count) {
    const float* base = arguments_.base + index * s_.K * s_.V + d;
    for (size_t t = 0; t < s_.tokens; ++t) {
      clear(base_of_key_[t]);
      clear(base_of_query_[t]);
    }
    for (size_t c = 0; c < s_.K; ++c) {
      for (size_t t = 0; t < s_.tokens; ++t) {
        add_row(base_of_key_[t], s_.k[t * s_.ldk + g_ * s_.K + c], base + c * s_.V, count);
        add_row(base_of_query_[t], s_.q[t * s_.ldq + g_ * s_.K + c], base + c * s_.V, count);
      }
    }
  }

  void write_token(size_t index, const LogView& log, size_t t, size_t d, size_t count) {
    const size_t h = s_.head[index], place = arguments_.held + t;
    float decay[kPage];
    for (size_t j = 0; j <= place; ++j)
      decay[j] = exp(static_cast<float>(log.cumulative[place] - log.cumulative[j]));
    const float from_base = exp(static_cast<float>(log.cumulative[place]));
    Vec read[kColumns], said[kColumns];
    for (size_t i = 0; i < kColumns; ++i) {
      read[i] = base_of_key_[t][i] * splat(from_base);
      said[i] = base_of_query_[t][i] * splat(from_base);
    }
    for (size_t j = 0; j < place; ++j)
      add_row(read, decay[j] * of_key_[t][j], log.u + j * s_.V + d, count);
    const float* v = s_.v + t * s_.ldv + h * s_.V + d;
    float* u = log.u + place * s_.V + d;
    const Vec beta = splat(s_.dt[t * s_.lda + h]);
    for (size_t i = 0; i * kLanes < count; ++i) {
      const size_t n = smaller(kLanes, count - i * kLanes);
      store_up_to(u + i * kLanes, beta * (load_up_to(v + i * kLanes, n) - read[i]), n);
    }
    for (size_t j = 0; j <= place; ++j)
      add_row(said, decay[j] * of_query_[t][j], log.u + j * s_.V + d, count);
    store_row(said, s_.scale, s_.y + t * s_.ldy + h * s_.V + d, count);
  }

  const SsdArguments& s_;
  const LogArguments& arguments_;
  size_t first_, g_;  // the group's first head here, its key head
  float of_key_[kPage][kPage], of_query_[kPage][kPage];  // scores of the new tokens
  Vec base_of_key_[kPage][kColumns], base_of_query_[kPage][kColumns];
};

double estimate_ns(const SsdArguments& s) {
  return 6.0 * static_cast<double>(s.tokens * s.heads * s.K * s.V) / kFlopsPerNs;
}

}  // namespace

void delta(ThreadPool& pool, const SsdArguments& s) {
  if (s.tokens == 0) return;
  pool.run(s.heads, estimate_ns(s), [&](size_t index) { run_head(s, index); });
}

void delta_log(ThreadPool& pool, const LogArguments& arguments) {
  const SsdArguments& s = arguments.rows;
  assert(arguments.held + s.tokens <= kPage);
  if (s.tokens == 0) return;
  pool.run(s.heads / s.heads_per_key, estimate_ns(s),
           [&](size_t group) { LoggedGroup(arguments, group).run(); });
}

}  // namespace stateline::kernels::STATELINE_LEVEL
