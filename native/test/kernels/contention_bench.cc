// How much of two-thread decoding is left when one other process wants a core all the time.
// Decode-like products over ~100 MB of f32 weights; prints the medians and their ratio, and fails
// below 0.60. Linux and macOS only (it forks its own competitor); needs two cores.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernels/kernels.h"

namespace {

using namespace stateline::kernels;
using stateline::DType;
using Clock = std::chrono::steady_clock;

constexpr size_t kLayers = 8, kHidden = 768, kMlp = 2048;  // 8 * 12.6 MB
constexpr int kTokens = 300;
constexpr double kLeast = 0.60;

struct Layer {
  PackedMatrix up, down;
};

std::vector<Layer> make_model() {
  const std::vector<float> weights(kMlp * kHidden * 2, 0.001f);
  std::vector<Layer> layers;
  for (size_t l = 0; l < kLayers; ++l) {
    layers.push_back({PackedMatrix::pack(DType::kF32, weights.data(), nullptr, kMlp, kHidden),
                      PackedMatrix::pack(DType::kF32, weights.data(), nullptr, kHidden, kMlp)});
  }
  return layers;
}

double tokens_per_second(const std::vector<Layer>& model, ThreadPool& pool) {
  std::vector<float> x(kHidden, 1.0f), h(kMlp);
  std::vector<double> seconds;
  for (int token = 0; token < kTokens; ++token) {
    const auto begin = Clock::now();
    for (const Layer& layer : model) {
      kernels().linear(pool, layer.up, x.data(), 1, kHidden, h.data(), kMlp);
      kernels().linear(pool, layer.down, h.data(), 1, kMlp, x.data(), kHidden);
    }
    std::fill(x.begin(), x.end(), 1.0f);
    seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + kTokens / 2, seconds.end());
  return 1 / seconds[kTokens / 2];
}

pid_t start_busy_process() {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) asm volatile("");  // not removed as an empty loop
  }
  return child;
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned threads = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 2;
  const std::vector<Layer> model = make_model();
  ThreadPool alone(1);
  ThreadPool pool(threads);
  tokens_per_second(model, pool);  // warms caches and clocks
  const double single = tokens_per_second(model, alone);
  const double idle = tokens_per_second(model, pool);
  const pid_t busy = start_busy_process();
  const double contended = tokens_per_second(model, pool);
  kill(busy, SIGKILL);
  waitpid(busy, nullptr, 0);
  std::printf("tokens/s: 1 thread %.1f, %u threads %.1f, beside a busy process %.1f, ratio %.2f\n",
              single, threads, idle, contended, contended / idle);
  return contended / idle >= kLeast ? 0 : 1;
}
