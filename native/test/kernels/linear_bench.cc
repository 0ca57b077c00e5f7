// How near `linear` comes to what this machine can do, on the matrices of whole models, read from
// memory one after the other as a pass reads them: linear_bench [threads] [level] [model].
// Medians, of the processor's time where there is one thread: a busy machine does not stretch it.
// GB/s count the packed weights once, GOP/s multiply and add. The two roofs, measured in
// the same run: reading memory in order, and the processor's own int8 products in registers.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define STATELINE_WIDE
#endif

namespace {

using namespace stateline;
using namespace stateline::kernels;
using Clock = std::chrono::steady_clock;

struct Shape {
  size_t n, k;
};
struct ModelShapes {
  const char* name;
  size_t layers;
  std::vector<Shape> layer;
  Shape head;  // read for the last token alone where there are many
};

// The projections of each, gate and up as one; Granite's layers as if all kept a state.
const ModelShapes kModels[] = {
    {"granite-4.0-h-350m", 32, {{3376, 768}, {768, 1536}, {4096, 768}, {768, 2048}}, {100352, 768}},
    {"qwen2.5-coder-0.5b", 24, {{1152, 896}, {896, 896}, {9728, 896}, {896, 4864}}, {151936, 896}},
    {"embedded", 6, {{1544, 256}, {256, 256}, {1280, 256}, {256, 640}}, {4096, 256}},
};

double elapsed(const ThreadPool& pool) {
  if (pool.threads() == 1) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

template <class Body>
double median_seconds(const ThreadPool& pool, double budget, const Body& body) {
  std::vector<double> times;
  const double start = elapsed(pool);
  while (elapsed(pool) - start < budget || times.size() < 5) {
    const double begin = elapsed(pool);
    body();
    times.push_back(elapsed(pool) - begin);
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                   times.end());
  return times[times.size() / 2];
}

uint64_t read_words(const uint64_t* words, size_t count) {
  uint64_t sum[8] = {};
  for (size_t i = 0; i < count; i += 8) {
    for (size_t j = 0; j < 8; ++j) sum[j] ^= words[i + j];
  }
  return std::accumulate(sum, sum + 8, uint64_t{0});
}

#ifdef STATELINE_WIDE
// With the widest registers: how far a processor reads ahead is counted in instructions.
__attribute__((target("avx512f"))) uint64_t read_wide(const uint64_t* words, size_t count) {
  __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
  for (size_t i = 0; i < count; i += 32) {
    a = _mm512_xor_si512(a, _mm512_loadu_si512(words + i));
    b = _mm512_xor_si512(b, _mm512_loadu_si512(words + i + 8));
    c = _mm512_xor_si512(c, _mm512_loadu_si512(words + i + 16));
    d = _mm512_xor_si512(d, _mm512_loadu_si512(words + i + 24));
  }
  uint64_t sums[8];
  _mm512_storeu_si512(sums, _mm512_xor_si512(_mm512_xor_si512(a, b), _mm512_xor_si512(c, d)));
  return sums[0];
}

__attribute__((target("avx512f,avx512vnni"))) void multiply(size_t steps) {
  __m512i sums[12], w = _mm512_set1_epi8(3), x = _mm512_set1_epi8(5);
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (size_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (__m512i& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, x, w);
      asm volatile("" ::"v"(sum));  // each product is made, and stays in its register
    }
  }
}
#endif

void report_reading_roof(ThreadPool& pool) {
  auto read = read_words;
#ifdef STATELINE_WIDE
  if (kernels_for("avx512")) read = read_wide;
#endif
  PackedMatrix memory(DType::kF32, 16384, 4096);  // 256 MiB, far beyond any cache, in huge pages
  (void)memory.round_panels(0, memory.panels(), [](size_t, float* out) { *out = 1; });
  const auto* words = reinterpret_cast<const uint64_t*>(memory.panel(0));
  const size_t count = memory.bytes() / sizeof(uint64_t);
  const size_t blocks = 8 * pool.threads();
  std::atomic<uint64_t> sum = 0;
  const double seconds = median_seconds(pool, 0.5, [&] {
    pool.run(blocks, 1e9,
             [&](size_t block) { sum += read(words + count / blocks * block, count / blocks); });
  });
  std::printf("roof: reading memory in order %.1f GB/s\n",
              static_cast<double>(memory.bytes()) / seconds * 1e-9);
}

void report_multiplying_roof([[maybe_unused]] ThreadPool& pool) {
#ifdef STATELINE_WIDE
  if (!kernels_for("avx512vnni")) return;
  constexpr size_t kSteps = 200000;
  const size_t blocks = 8 * pool.threads();
  const double seconds =
      median_seconds(pool, 0.5, [&] { pool.run(blocks, 1e9, [&](size_t) { multiply(kSteps); }); });
  const double operations = 12.0 * 64 * 2 * kSteps * static_cast<double>(blocks);
  std::printf("roof: vpdpbusd of 64 bytes %.0f GOP/s\n", operations / seconds * 1e-9);
#endif
}

PackedMatrix random_matrix(const ThreadPool& pool, DType type, Shape shape,
                           double& packing_seconds) {
  std::vector<float> noise(shape.k + 251);
  uint32_t random = 1;
  for (float& value : noise) {
    random = random * 1664525 + 1013904223;
    value = static_cast<float>(static_cast<int32_t>(random)) * 1e-11f;
  }
  const double begin = elapsed(pool);
  PackedMatrix W(type, shape.n, shape.k);
  (void)W.round_panels(
      0, W.panels(), [&](size_t row, float* out) { std::copy_n(&noise[row % 251], shape.k, out); });
  packing_seconds += elapsed(pool) - begin;
  return W;
}

void bench_model(const ModelShapes& model, DType type, const std::vector<const Kernels*>& levels,
                 ThreadPool& pool) {
  std::vector<PackedMatrix> matrices;
  double packing = 0, parameters = 0;
  for (size_t layer = 0; layer < model.layers; ++layer) {
    for (const Shape& shape : model.layer)
      matrices.push_back(random_matrix(pool, type, shape, packing));
  }
  matrices.push_back(random_matrix(pool, type, model.head, packing));
  for (const PackedMatrix& W : matrices) parameters += static_cast<double>(W.rows() * W.cols());
  std::printf("%s %s: packing %.2f ns a parameter\n", model.name, name_of(type).data(),
              packing / parameters * 1e9);

  constexpr size_t kMost = 256;
  std::vector<float> x(kMost * 4864), y(kMost * 9728 + 151936 * 8);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 1999) - 999;
  for (const Kernels* level : levels) {
    for (const size_t m : {1, 2, 4, 8, 32, 256}) {
      double bytes = 0, operations = 0;
      const double seconds = median_seconds(pool, 0.7, [&] {
        bytes = operations = 0;
        for (const PackedMatrix& W : matrices) {
          const size_t rows = &W == &matrices.back() && m > 8 ? 1 : m;
          level->linear(pool, W, x.data(), rows, W.cols(), y.data(), W.rows());
          bytes += static_cast<double>(W.bytes());
          operations += 2.0 * static_cast<double>(rows * W.rows() * W.cols());
        }
      });
      std::printf("%-19s %-5s %-10s m=%-4zu %9.2f ms %7.1f GB/s %8.1f GOP/s\n", model.name,
                  name_of(type).data(), level->level, m, seconds * 1e3, bytes / seconds * 1e-9,
                  operations / seconds * 1e-9);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned threads = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1;
  const std::string level = argc > 2 ? argv[2] : stateline::kernels::kernels().level,
                    only = argc > 3 ? argv[3] : "";
  ThreadPool pool(threads);
  std::vector<const Kernels*> levels;
  for (const Kernels* table : available_kernels()) {
    if (level == "all" ? table != kernels_for("reference") : level == table->level)
      levels.push_back(table);
  }
  std::printf("%u threads\n", pool.threads());
  report_reading_roof(pool);
  report_multiplying_roof(pool);
  for (const ModelShapes& model : kModels) {
    if (!only.empty() && std::string(model.name).find(only) == std::string::npos) continue;
    for (const DType type : {DType::kInt8, DType::kQ8_0, DType::kQ4_0})
      bench_model(model, type, levels, pool);
  }
}
