#include "cases.h"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/device_slot.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

// A cache of a layer with two attention heads of four, or four of which two share a slot, behind
// another layer's slots. The host fills it up to the queries; the queries' own tokens are appended
// by the kernel. Without decays no token is nearer than another.
struct Layer {
  static constexpr size_t H = 4;
  size_t K, V, tokens, before, dropped;
  uint64_t window;
  bool decays;
  size_t heads_per_slot;
  std::vector<uint32_t> head{3, 1};
  size_t kv = H / heads_per_slot;  // of k and v
  size_t ldq, ldy, ldk, ldv;
  // Of all tokens from the first page that is left; the queries' are the last.
  std::vector<float> k, v, a, log_dt, q, scale;

  Layer(Random& random, size_t max_K, size_t max_V, size_t max_tokens)
      : K(size_up_to(random, max_K)),
        V(size_up_to(random, max_V)),
        tokens(size_up_to(random, max_tokens)),
        before(static_cast<size_t>(random.integer(0, 150))),
        dropped(0),
        window(random.integer(0, 1) ? 0 : static_cast<uint64_t>(random.integer(1, 120))),
        decays(random.integer(0, 2)),
        heads_per_slot(random.integer(0, 1) ? 1 : 2),
        ldq(stride_for(random, H * K)),
        ldy(stride_for(random, H * V)),
        ldk(stride_for(random, kv * K)),
        ldv(stride_for(random, kv * V)) {
    if (heads_per_slot == 2) head = {2, 3, 0, 1};
    if (window && before > window) dropped = (before - window) / kPageTokens;
    const size_t total = end() - first();
    k = bf16_normals(random, extent(total, ldk, kv * K));
    v = bf16_normals(random, extent(total, ldv, kv * V));
    q = bf16_normals(random, extent(tokens, ldq, H * K));
    for (size_t i = 0; i < total * kv; ++i)
      a.push_back(random.integer(0, 40) == 0 ? -5.0f : random.uniform(-0.05f, 0));
    log_dt = uniforms(random, total * kv, -7, 0);
    if (!decays) a.assign(a.size(), 0), log_dt.assign(log_dt.size(), 0);
    scale = uniforms(random, H, 0.05f, 0.5f);
  }
  size_t slots() const { return head.size() / heads_per_slot; }
  size_t number(size_t slot) const { return head[slot * heads_per_slot] / heads_per_slot; }
  // Before the first token that is left.
  double first_cumulative() const { return decays ? -1000 : 0; }
  size_t first() const { return dropped * kPageTokens; }
  size_t end() const { return before + tokens; }
  size_t page_count() const { return (end() - first() + kPageTokens - 1) / kPageTokens; }
};

// The CPU's cache, with slots for the reference.
struct HostCache {
  std::vector<std::vector<double>> memory;  // doubles for their alignment
  std::vector<const std::byte*> pages;
  explicit HostCache(const Layer& layer) {
    const size_t slot = slot_bytes(layer.K, layer.V);
    for (size_t p = 0; p < layer.page_count(); ++p) {
      memory.emplace_back(layer.slots() * slot / sizeof(double));
      pages.push_back(reinterpret_cast<const std::byte*>(memory.back().data()));
    }
    for (size_t i = 0; i < layer.slots(); ++i) {
      const size_t h = layer.number(i);
      double cumulative = layer.first_cumulative();
      for (size_t t = 0; t < layer.end() - layer.first(); ++t) {
        cumulative += static_cast<double>(layer.a[t * layer.kv + h]);
        auto* page = const_cast<std::byte*>(pages[t / kPageTokens]);
        write_slot(page + i * slot, t % kPageTokens, layer.K, layer.V,
                   &layer.k[t * layer.ldk + h * layer.K], &layer.v[t * layer.ldv + h * layer.V],
                   cumulative, layer.log_dt[t * layer.kv + h]);
      }
    }
  }
};

// The device's; tokens before the queries are there already.
struct DeviceCache {
  std::vector<std::unique_ptr<DeviceBuffer<double>>> memory;
  std::unique_ptr<DeviceBuffer<std::byte*>> pages;
  PagedCache cache;

  explicit DeviceCache(const Layer& layer) {
    const size_t slot = device_slot_bytes(layer.K, layer.V), offset = slot;
    const size_t page_bytes = offset + layer.slots() * slot;
    const size_t count = page_bytes / sizeof(double);
    std::vector<std::byte*> places;
    for (size_t p = 0; p < layer.page_count(); ++p) {
      std::vector<double> page(count, NAN);
      fill(layer, p, reinterpret_cast<std::byte*>(page.data()) + offset);
      memory.push_back(std::make_unique<DeviceBuffer<double>>("page", page));
      places.push_back(reinterpret_cast<std::byte*>(memory.back()->data()));
    }
    pages = std::make_unique<DeviceBuffer<std::byte*>>("pages", places);
    cache = {pages->data(), offset, layer.first()};
  }

  static void fill(const Layer& layer, size_t page, std::byte* slots) {
    for (size_t i = 0; i < layer.slots(); ++i) {
      const DeviceSlot slot(slots + i * device_slot_bytes(layer.K, layer.V), layer.K);
      const size_t h = layer.number(i);
      double cumulative = layer.first_cumulative();
      for (size_t t = 0; t < layer.before - layer.first(); ++t) {
        cumulative += static_cast<double>(layer.a[t * layer.kv + h]);
        if (t / kPageTokens != page) continue;
        const size_t row = t % kPageTokens;
        slot.cumulative[row] = cumulative;
        slot.log_dt[row] = layer.log_dt[t * layer.kv + h];
        for (size_t c = 0; c < layer.K; ++c)
          slot.k[row * layer.K + c] = narrow(layer.k[t * layer.ldk + h * layer.K + c]);
        for (size_t d = 0; d < layer.V; ++d)
          slot.v[row * layer.V + d] = narrow(layer.v[t * layer.ldv + h * layer.V + d]);
      }
    }
  }
};

Outcome run(Random& random, size_t max_K, size_t max_V, size_t max_tokens,
            void (*kernel)(cudaStream_t, const AttentionArguments&)) {
  constexpr size_t H = Layer::H;
  const Layer layer(random, max_K, max_V, max_tokens);
  const size_t own = layer.before - layer.first();  // the first query's index
  const DeviceCache device(layer);
  const auto tail = [&](const std::vector<float>& values, size_t stride) {
    return std::vector<float>(values.begin() + static_cast<long>(own * stride), values.end());
  };
  DeviceBuffer<uint32_t> head("head", layer.head);
  DeviceBuffer<bf16> q("q", narrow_all(layer.q)), k("k", narrow_all(tail(layer.k, layer.ldk))),
      v("v", narrow_all(tail(layer.v, layer.ldv))),
      y("y", extent(layer.tokens, layer.ldy, H * layer.V));
  DeviceBuffer<float> a("a", tail(layer.a, layer.kv)),
      log_dt("log_dt", tail(layer.log_dt, layer.kv)), scale("query_scale", layer.scale),
      workspace("workspace", kernel == attention_decode
                                 ? attention_workspace_floats(layer.head.size(), layer.K, layer.V)
                                 : 0);
  // With no token left in sight the running decay begins anew.
  append_to_cache(nullptr, {.tokens = layer.tokens,
                            .slots = layer.slots(),
                            .heads_per_slot = layer.heads_per_slot,
                            .head = head.data(),
                            .K = layer.K,
                            .V = layer.V,
                            .k = k.data(),
                            .ldk = layer.ldk,
                            .v = v.data(),
                            .ldv = layer.ldv,
                            .a = layer.decays ? a.data() : nullptr,
                            .log_dt = layer.decays ? log_dt.data() : nullptr,
                            .lda = layer.kv,
                            .cache = device.cache,
                            .position = layer.before});
  kernel(nullptr, {.tokens = layer.tokens,
                   .heads = layer.head.size(),
                   .heads_per_slot = layer.heads_per_slot,
                   .head = head.data(),
                   .K = layer.K,
                   .V = layer.V,
                   .q = q.data(),
                   .ldq = layer.ldq,
                   .query_scale = scale.data(),
                   .cache = device.cache,
                   .first_query = layer.before,
                   .window = layer.window,
                   .workspace = workspace.data(),
                   .y = y.data(),
                   .ldy = layer.ldy});

  const HostCache host(layer);
  std::vector<float> expected(y.size());
  ThreadPool pool(1);
  reference::attention(pool, {.tokens = layer.tokens,
                              .heads = layer.head.size(),
                              .head = layer.head.data(),
                              .K = layer.K,
                              .V = layer.V,
                              .q = layer.q.data(),
                              .ldq = layer.ldq,
                              .query_scale = layer.scale.data(),
                              .pages = host.pages.data(),
                              .page_count = host.pages.size(),
                              .offset = 0,
                              .first_position = layer.first(),
                              .first_query = layer.before,
                              .window = layer.window,
                              .y = expected.data(),
                              .ldy = layer.ldy,
                              .heads_per_key = layer.heads_per_slot});
  Outcome outcome;
  const auto actual = widen_all(y.values());
  const double bound = kernels::testing::largest(layer.v) / 64;
  for (size_t t = 0; t < layer.tokens; ++t) {
    for (const uint32_t h : layer.head) {
      for (size_t i = t * layer.ldy + h * layer.V; i < t * layer.ldy + (h + 1) * layer.V; ++i)
        outcome.compare(actual[i], expected[i], bound);
    }
  }
  return outcome;
}

// So many queries a block.
template <int kQueries>
void prefill(cudaStream_t stream, const AttentionArguments& s) {
  attention_prefill(stream, s, kQueries);
}

}  // namespace

std::vector<Case> attention_cases() {
  return {
      {"attention_prefill, 64 x 32", [](Random& r) { return run(r, 64, 32, 90, prefill<64>); }},
      {"attention_prefill, 64 x 64", [](Random& r) { return run(r, 64, 64, 70, prefill<64>); }},
      {"attention_prefill, 64 x 32, 128 queries",
       [](Random& r) { return run(r, 64, 32, 140, prefill<128>); }},
      {"attention_prefill, 64 x 64, 128 queries",
       [](Random& r) { return run(r, 64, 64, 70, prefill<128>); }},
      {"attention_prefill, 128 x 128", [](Random& r) { return run(r, 128, 128, 70, prefill<0>); }},
      {"attention_prefill, 256 x 256", [](Random& r) { return run(r, 256, 256, 70, prefill<0>); }},
      {"attention_decode", [](Random& r) {
         const size_t most = size_t{32} << r.integer(0, 3);  // a kernel for each
         return run(r, most, most, 1, attention_decode);
       }}};
}

}  // namespace stateline::kernels::cuda::testing
