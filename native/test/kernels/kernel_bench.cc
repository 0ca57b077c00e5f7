// Speed of each operation at the embedded model's shapes, one line per level: kernel_bench
// [threads]. Medians; GFLOP/s count multiply and add, GB/s count weights (decode) read once.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace {

using namespace stateline::kernels;
using stateline::DType;
using Clock = std::chrono::steady_clock;

constexpr size_t kHidden = 256, kHeads = 8, kKey = 64, kValue = 32, kMlp = 640;
constexpr size_t kChannels = kHeads * (2 * kKey + kValue);
constexpr size_t kPrefill = 256;

template <class Body>
double median_ns(const Body& body) {
  std::vector<double> times;
  const auto stop = Clock::now() + std::chrono::milliseconds(150);
  while (Clock::now() < stop || times.size() < 5) {
    const auto begin = Clock::now();
    body();
    times.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                   times.end());
  return times[times.size() / 2];
}

std::vector<float> random_floats(size_t n, float scale = 1) {
  static std::mt19937 engine(1);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(n);
  for (float& value : values) value = normal(engine);
  return values;
}

void report(const Kernels& level, const std::string& name, double ns, double amount,
            const char* unit) {
  std::printf("%-11s %-34s %10.1f us %8.1f %s\n", level.level, name.c_str(), ns / 1e3, amount / ns,
              unit);
}

PackedMatrix pack(DType type, size_t n, size_t k) {
  const std::vector<float> scale(n, 0.01f), weights = random_floats(n * k);
  if (type == DType::kF32) return PackedMatrix::pack(type, weights.data(), nullptr, n, k);
  // Any bytes will do for a bench, but a bf16 made of noise could be NaN.
  const std::vector<uint16_t> words(n * k, 0x3f80);
  return PackedMatrix::pack(type, words.data(), type == DType::kInt8 ? scale.data() : nullptr, n,
                            k);
}

void bench_linear(const Kernels& level, ThreadPool& pool) {
  const size_t shapes[][2] = {{kHeads * (2 * kKey + 2 * kValue) + kHeads, kHidden},
                              {2 * kMlp, kHidden},
                              {kHidden, kMlp},
                              {4096, kHidden}};
  for (const auto& [type, name] : {std::pair(DType::kF32, "f32"), std::pair(DType::kBF16, "bf16"),
                                   std::pair(DType::kInt8, "int8")}) {
    for (const auto& [n, k] : shapes) {
      const PackedMatrix W = pack(type, n, k);
      const std::vector<float> x = random_floats(kPrefill * k);
      std::vector<float> y(kPrefill * n);
      const std::string shape =
          std::string(" ") + name + " " + std::to_string(n) + "x" + std::to_string(k);
      const double decode = median_ns([&] { level.linear(pool, W, x.data(), 1, k, y.data(), n); });
      report(level, "gemv" + shape, decode, static_cast<double>(W.bytes()), "GB/s");
      const double prefill =
          median_ns([&] { level.linear(pool, W, x.data(), kPrefill, k, y.data(), n); });
      report(level, "gemm m=256" + shape, prefill, 2.0 * static_cast<double>(kPrefill * n * k),
             "GFLOP/s");
    }
  }
}

// All products of the model, as one token (or one block) needs them: what threads really bring.
void bench_model(const Kernels& level, ThreadPool& pool, DType type, const char* name) {
  std::vector<PackedMatrix> matrices;
  for (size_t layer = 0; layer < 6; ++layer) {
    for (const auto& [n, k] :
         {std::pair<size_t, size_t>{kHeads * (2 * kKey + 2 * kValue) + kHeads, kHidden},
          {kHidden, kHeads * kValue},
          {2 * kMlp, kHidden},
          {kHidden, kMlp}}) {
      matrices.push_back(pack(type, n, k));
    }
  }
  matrices.push_back(pack(type, 4096, kHidden));
  const std::vector<float> x = random_floats(kPrefill * kMlp);
  std::vector<float> y(kPrefill * 4096);
  double weights = 0;
  for (const PackedMatrix& W : matrices) weights += static_cast<double>(W.rows() * W.cols());
  for (const size_t m : {size_t{1}, kPrefill}) {
    const double ns = median_ns([&] {
      for (const PackedMatrix& W : matrices)
        level.linear(pool, W, x.data(), m, W.cols(), y.data(), W.rows());
    });
    report(level, std::string("all products ") + name + " m=" + std::to_string(m), ns,
           2 * weights * static_cast<double>(m), "GFLOP/s");
  }
}

void bench_ssd(const Kernels& level, ThreadPool& pool) {
  const std::vector<float> rows = random_floats(kPrefill * kChannels), a(kPrefill * kHeads, -0.05f),
                           dt(kPrefill * kHeads, 0.1f);
  std::vector<float> state(kHeads * kKey * kValue), y(kPrefill * kHeads * kValue);
  const std::vector<uint32_t> head{0, 1, 2, 3, 4, 5, 6, 7};
  SsdArguments s{.tokens = kPrefill,
                 .heads = kHeads,
                 .head = head.data(),
                 .K = kKey,
                 .V = kValue,
                 .q = rows.data(),
                 .ldq = kChannels,
                 .k = rows.data() + kHeads * kKey,
                 .ldk = kChannels,
                 .v = rows.data() + 2 * kHeads * kKey,
                 .ldv = kChannels,
                 .a = a.data(),
                 .dt = dt.data(),
                 .lda = kHeads,
                 .scale = 0.125f,
                 .state = state.data(),
                 .y = y.data(),
                 .ldy = kHeads * kValue};
  const double flops = 6.0 * kKey * kValue * kHeads;  // of the recurrence, per token
  report(level, "ssd_prefill L=256 8 heads", median_ns([&] { level.ssd_prefill(pool, s); }),
         flops * kPrefill, "GFLOP/s (as recurrence)");
  s.tokens = 1;
  report(level, "ssd_step 8 heads", median_ns([&] { level.ssd_step(pool, s); }), flops, "GFLOP/s");
}

void bench_attention(const Kernels& level, ThreadPool& pool) {
  constexpr size_t kContext = 2048, kRun = 2;
  const size_t page_bytes = kRun * slot_bytes(kKey, kValue), pages = kContext / kPageTokens;
  std::vector<std::vector<std::byte>> memory(pages, std::vector<std::byte>(page_bytes + 64));
  std::vector<const std::byte*> place;
  for (size_t p = 0; p < pages; ++p) {
    std::byte* page = memory[p].data() + (64 - reinterpret_cast<uintptr_t>(memory[p].data()) % 64);
    place.push_back(page);
    for (size_t i = 0; i < kRun; ++i) {
      for (size_t t = 0; t < kPageTokens; ++t) {
        const auto k = random_floats(kKey), v = random_floats(kValue);
        write_slot(page + i * slot_bytes(kKey, kValue), t, kKey, kValue, k.data(), v.data(),
                   -0.05 * static_cast<double>(p * kPageTokens + t), -2);
      }
    }
  }
  const std::vector<float> q = random_floats(kPrefill * kChannels), scale(kHeads, 0.125f);
  std::vector<float> y(kPrefill * kHeads * kValue);
  const std::vector<uint32_t> head{0, 1};
  AttentionArguments s{.tokens = kPrefill,
                       .heads = kRun,
                       .head = head.data(),
                       .K = kKey,
                       .V = kValue,
                       .q = q.data(),
                       .ldq = kChannels,
                       .query_scale = scale.data(),
                       .pages = place.data(),
                       .page_count = pages,
                       .offset = 0,
                       .first_position = 0,
                       .first_query = kContext - kPrefill,
                       .window = 0,
                       .y = y.data(),
                       .ldy = kHeads * kValue};
  const double pairs = static_cast<double>(kRun * kPrefill) * (kContext - kPrefill / 2.0);
  report(level, "attention L=256 of 2048, 2 heads", median_ns([&] { level.attention(pool, s); }),
         pairs * 2 * (kKey + kValue), "GFLOP/s");
  s.tokens = 1;
  s.first_query = kContext - 1;
  report(level, "attention L=1 of 2048, 2 heads", median_ns([&] { level.attention(pool, s); }),
         static_cast<double>(pages * page_bytes), "GB/s");
  const std::vector<float> bound(kHeads, 10.0f);
  s.key_bound = bound.data();  // at a log decay of 0.05 a token about a third shows
  report(level, "the same, decayed pages passed over", median_ns([&] { level.attention(pool, s); }),
         static_cast<double>(pages * page_bytes), "GB/s");
}

void bench_rows(const Kernels& level, ThreadPool& pool) {
  const std::vector<float> x = random_floats(kPrefill * kChannels),
                           weight = random_floats(4 * kChannels);
  std::vector<float> history(kConvHistory * kChannels), y(kPrefill * kChannels);
  const double bytes = 4.0 * static_cast<double>(kPrefill * kChannels);
  report(level, "causal_conv L=256", median_ns([&] {
           level.causal_conv(pool, {kPrefill, kChannels, x.data(), kChannels, weight.data(),
                                    weight.data(), history.data(), y.data(), kChannels});
         }),
         2 * bytes, "GB/s");
  report(level, "silu_mul 256x640", median_ns([&] {
           level.silu_mul(pool, kPrefill, kMlp, x.data(), kChannels, x.data(), kChannels, y.data(),
                          kMlp);
         }),
         12.0 * kPrefill * kMlp, "GB/s");
  report(level, "rms_norm 256x256", median_ns([&] {
           level.rms_norm(kPrefill, 1, kHidden, x.data(), kHidden, weight.data(), 1e-5f, y.data(),
                          kHidden);
         }),
         8.0 * kPrefill * kHidden, "GB/s");
  report(level, "softmax 4096", median_ns([&] { level.softmax(4096, x.data(), 1.0f, y.data()); }),
         8.0 * 4096, "GB/s");
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned threads = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1;
  const std::string only = argc > 2 ? argv[2] : "";
  ThreadPool pool(threads);
  std::printf("%u threads\n", pool.threads());
  for (const Kernels* level : available_kernels()) {
    if (std::string(level->level) == "reference" || (!only.empty() && only != level->level))
      continue;
    bench_model(*level, pool, DType::kF32, "f32");
    bench_model(*level, pool, DType::kInt8, "int8");
    bench_linear(*level, pool);
    bench_ssd(*level, pool);
    bench_attention(*level, pool);
    bench_rows(*level, pool);
  }
}
