// Times the CUDA kernels on this machine's GPU, at the sizes that scripts/cuda/workload.ts counts
// with: gpu_bench d H K V F vocab READ CACHED ATTENDING LAGS. Prints JSON: the GPU's name and
// seconds by label, the median of many launches.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "device_buffer.h"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/causal_conv.cuh"
#include "kernels/cuda/device_slot.cuh"
#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/fft_conv.cuh"
#include "kernels/cuda/head_end.cuh"
#include "kernels/cuda/linear.cuh"
#include "kernels/cuda/long_conv.cuh"
#include "kernels/cuda/norm.cuh"
#include "kernels/cuda/sampling.cuh"
#include "kernels/cuda/ssd.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

struct Sizes {
  size_t d, H, K, V, F, vocab, read, cached, attending, lags;
  size_t C() const { return H * (2 * K + V); }
  size_t rows() const { return C() + H * V + H; }
};

// Zeros: the time does not depend on the values.
template <class T>
DeviceBuffer<T> filled(size_t count) {
  return {"", std::vector<T>(count, T{})};
}
std::vector<uint32_t> all_heads(size_t count) {
  std::vector<uint32_t> heads(count);
  for (size_t i = 0; i < count; ++i) heads[i] = static_cast<uint32_t>(i);
  return heads;
}

double seconds_of(const std::function<void()>& run) {
  constexpr int kWarmUp = 3, kRuns = 21;
  cudaEvent_t begin, end;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  std::vector<float> milliseconds;
  for (int i = 0; i < kWarmUp + kRuns; ++i) {
    float time = 0;
    cudaEventRecord(begin, nullptr);
    run();
    cudaEventRecord(end, nullptr);
    cudaEventSynchronize(end);
    cudaEventElapsedTime(&time, begin, end);
    if (i >= kWarmUp) milliseconds.push_back(time);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) {
    std::fprintf(stderr, "The GPU failed: %s.\n", cudaGetErrorString(error));
    std::exit(1);
  }
  std::nth_element(milliseconds.begin(), milliseconds.begin() + kRuns / 2, milliseconds.end());
  return milliseconds[kRuns / 2] / 1000.0;
}

class Report {
 public:
  explicit Report(const char* gpu) { std::printf("{\"gpu\": \"%s\", \"seconds\": {", gpu); }
  ~Report() { std::printf("}}\n"); }
  void add(const std::string& label, const std::function<void()>& run) {
    std::printf("%s\"%s\": %.4g", first_ ? "" : ", ", label.c_str(), seconds_of(run));
    first_ = false;
  }

 private:
  bool first_ = true;
};

// Weights of one format, of which only the size matters.
struct Weights {
  Weights(WeightFormat format, size_t n, size_t k)
      : values(filled<std::byte>(n * padded_cols(k) * 2)),
        scale(filled<float>(n)),
        group_scale(filled<bf16>(n * padded_cols(k) / kWeightGroup)),
        W{format, n, k, values.data(), scale.data(), group_scale.data()} {}
  DeviceBuffer<std::byte> values;
  DeviceBuffer<float> scale;
  DeviceBuffer<bf16> group_scale;
  WeightMatrix W;
};

const std::pair<WeightFormat, std::string> kFormats[] = {
    {WeightFormat::bf16, "bf16"}, {WeightFormat::int8, "int8"}, {WeightFormat::int4, "int4"}};

void measure_linear(Report& report, const Sizes& s) {
  auto x = filled<bf16>(s.read * s.d), y = filled<bf16>(s.read * s.rows());
  for (const auto& [format, name] : kFormats) {
    Weights in(format, s.rows(), s.d), up(format, 2 * s.F, s.d);
    report.add("gemm, " + name, [&] {
      gemm(nullptr, {in.W, s.read, x.data(), s.d, {y.data(), nullptr, false, s.rows()}});
    });
    report.add("gemv, " + name, [&] {
      gemv(nullptr, {up.W, 1, x.data(), s.d, {y.data(), nullptr, false, 2 * s.F}});
    });
  }
}

void measure_rows(Report& report, const Sizes& s) {
  auto x = filled<float>(s.read * s.d), weight = filled<float>(std::max(s.d, s.H * s.V));
  auto h = filled<bf16>(s.read * s.d), both = filled<bf16>(s.read * 2 * s.F),
       v = filled<bf16>(s.read * s.H * s.V);
  report.add("RMSNorm", [&] {
    rms_norm(nullptr, RmsNormArguments<float>{s.read, 1, s.d, x.data(), s.d, weight.data(), 1e-5f,
                                              h.data(), s.d});
  });
  report.add("SwiGLU", [&] {
    gate(nullptr, {.f = Activation::silu,
                   .rows = s.read,
                   .width = s.F,
                   .gate = both.data(),
                   .ldg = 2 * s.F,
                   .up = both.data() + s.F,
                   .ldu = 2 * s.F,
                   .y = both.data(),
                   .wide_y = nullptr,
                   .ldy = 2 * s.F});
  });
  const size_t width = s.H * s.V;
  report.add("skip, norm and gate", [&] {
    end_heads(nullptr, {.rows = s.read,
                        .heads = s.H,
                        .V = s.V,
                        .D = weight.data(),
                        .v = v.data(),
                        .ldv = width,
                        .weight = weight.data(),
                        .norm_groups = s.H,
                        .eps = 1e-5f,
                        .f = Activation::sigmoid,
                        .z = v.data(),
                        .ldz = width,
                        .gate_first = false,
                        .y = v.data(),
                        .ldy = width});
  });
}

void measure_states(Report& report, const Sizes& s) {
  const size_t C = s.C();
  auto u = filled<bf16>(s.read * s.rows()), qkv = filled<bf16>(s.read * C),
       y = filled<bf16>(s.read * s.H * s.V);
  auto taps = filled<float>(kConvWidth * C), history = filled<float>(kConvHistory * C),
       next = filled<float>(kConvHistory * C), steps = filled<float>(s.read * s.H),
       state = filled<float>(s.H * s.K * s.V),
       workspace = filled<float>(ssd_workspace_floats(s.read, s.H, s.K, s.V));
  DeviceBuffer<uint32_t> head("", all_heads(s.H));
  report.add("causal convolution, tiled", [&] {
    causal_conv_tiled(nullptr, {s.read, C, u.data(), s.rows(), taps.data(), taps.data(),
                                history.data(), next.data(), qkv.data(), C});
  });
  const bf16* q = qkv.data();
  SsdArguments arguments{.tokens = s.read,
                         .heads = s.H,
                         .head = head.data(),
                         .heads_per_key = 1,
                         .K = s.K,
                         .V = s.V,
                         .q = q,
                         .ldq = C,
                         .k = q + s.H * s.K,
                         .ldk = C,
                         .v = q + 2 * s.H * s.K,
                         .ldv = C,
                         .a = steps.data(),
                         .dt = steps.data(),
                         .lda = s.H,
                         .scale = 0.1f,
                         .state = state.data(),
                         .next_state = state.data(),
                         .workspace = workspace.data(),
                         .y = y.data(),
                         .ldy = s.H * s.V};
  report.add("SSD", [&] { ssd_prefill(nullptr, arguments); });
  arguments.tokens = 1;
  report.add("recurrence, a token", [&] { ssd_step(nullptr, arguments); });
}

void measure_long_conv(Report& report, const Sizes& s) {
  auto u = filled<float>(s.cached * s.d), y = filled<float>(s.cached * s.d),
       kernel = filled<float>(s.d * s.lags), history = filled<float>(s.d * (s.lags - 1)),
       next = filled<float>(s.d * (s.lags - 1));
  DeviceBuffer<float2> twiddle("", fft_twiddles(s.lags)),
      spectra("", std::vector<float2>(s.d * fft_size(s.lags)));
  LongSeries series{s.cached,       s.d,         s.lags,   u.data(), s.d,
                    history.data(), next.data(), y.data(), s.d};
  report.add("long convolution, direct", [&] { long_conv(nullptr, {series, kernel.data()}); });
  report.add("long convolution, FFT", [&] {
    fft_conv(nullptr, {series, twiddle.data(), spectra.data()});
  });
  series.tokens = 1;
  report.add("long convolution, a token", [&] { long_conv(nullptr, {series, kernel.data()}); });
}

void measure_attention(Report& report, const Sizes& s) {
  const size_t slot = device_slot_bytes(s.K, s.V), pages = s.cached / kPageTokens;
  auto memory = filled<std::byte>(pages * s.H * slot);
  std::vector<std::byte*> places(pages);
  for (size_t p = 0; p < pages; ++p) places[p] = memory.data() + p * s.H * slot;
  DeviceBuffer<std::byte*> page("", places);
  DeviceBuffer<uint32_t> head("", all_heads(s.H));
  auto q = filled<bf16>(s.read * s.H * s.K), y = filled<bf16>(s.read * s.H * s.V);
  auto scale = filled<float>(s.H),
       workspace = filled<float>(attention_workspace_floats(s.H, s.K, s.V));
  AttentionArguments arguments{.tokens = s.read,
                               .heads = s.H,
                               .heads_per_slot = 1,
                               .head = head.data(),
                               .K = s.K,
                               .V = s.V,
                               .q = q.data(),
                               .ldq = s.H * s.K,
                               .query_scale = scale.data(),
                               .cache = {page.data(), 0, 0},
                               .first_query = 0,
                               .window = 0,
                               .workspace = workspace.data(),
                               .y = y.data(),
                               .ldy = s.H * s.V};
  report.add("attention, prefill (causal)", [&] { attention_prefill(nullptr, arguments); });
  arguments.tokens = 1;
  arguments.heads = s.attending;
  arguments.first_query = s.cached - 1;
  report.add("attention, decode over pages", [&] { attention_decode(nullptr, arguments); });
}

void measure_sampling(Report& report, const Sizes& s) {
  auto logits = filled<float>(s.vocab), uniform = filled<float>(1);
  DeviceBuffer<Choice> choice("", 1);
  report.add("sampling", [&] {
    sample(nullptr, {1, s.vocab, logits.data(), s.vocab, 1, 0.9f, uniform.data(), choice.data()});
  });
}

}  // namespace
}  // namespace stateline::kernels::cuda::testing

int main(int count, char** given) {
  using namespace stateline::kernels::cuda::testing;
  size_t sizes[10];
  if (count != 11) {
    std::fprintf(stderr, "usage: gpu_bench d H K V F vocab READ CACHED ATTENDING LAGS\n");
    return 2;
  }
  for (int i = 0; i < 10; ++i) sizes[i] = std::strtoull(given[i + 1], nullptr, 10);
  const Sizes s{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4],
                sizes[5], sizes[6], sizes[7], sizes[8], sizes[9]};
  cudaDeviceProp facts;
  if (cudaGetDeviceProperties(&facts, 0) != cudaSuccess) {
    std::fprintf(stderr, "There is no NVIDIA GPU on this machine.\n");
    return 1;
  }
  Report report(facts.name);
  measure_rows(report, s);
  measure_linear(report, s);
  measure_states(report, s);
  measure_long_conv(report, s);
  measure_attention(report, s);
  measure_sampling(report, s);
}
