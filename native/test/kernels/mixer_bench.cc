// Decoding with a recurrent memory kept two ways: a dense state that each token rewrites, and a
// base with a log that is folded into a new base every 32 tokens (mean over a page, the fold
// counted); and reading 512 tokens.
//   mixer_bench [threads] [level]
// Medians, the two ways in turn token by token; before each as much memory is read as the family's
// weights take, so that states come from where they come from in use.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace {

using namespace stateline::kernels;
using Clock = std::chrono::steady_clock;

constexpr size_t kText = 512;

struct Family {
  const char* name;
  size_t layers, heads, heads_per_key, K, V;
  size_t weight_bytes;
  bool delta = false;
};
const Family kFamilies[] = {
    {"embedded", 6, 8, 1, 64, 32, size_t{7} << 20},
    {"Granite-350M", 28, 48, 48, 128, 32, size_t{64} << 20},
    {"Mamba-2-130M", 24, 24, 24, 128, 64, size_t{64} << 20},
    {"Qwen3.5-0.8B", 18, 16, 1, 128, 128, size_t{64} << 20, true},
};

struct Free {
  void operator()(void* p) const { ::operator delete (p, std::align_val_t{64}); }
};
template <class T>
using Memory = std::unique_ptr<T[], Free>;
template <class T>
Memory<T> allocate(size_t count) {
  void* memory = ::operator new (count * sizeof(T), std::align_val_t{64});
  std::memset(memory, 0, count * sizeof(T));
  return Memory<T>(static_cast<T*>(memory));
}

std::vector<float> normals(size_t n, float scale) {
  static std::mt19937 engine(1);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(n);
  for (float& value : values) value = normal(engine);
  return values;
}

class Decoding {
 public:
  Decoding(const Family& family, const Kernels& kernels, ThreadPool& pool)
      : f_(family),
        kernels_(kernels),
        pool_(pool),
        log_bytes_(log_bytes(f_.heads, f_.heads_per_key, f_.K, f_.V)),
        floats_(f_.heads * f_.K * f_.V),
        head_(f_.heads),
        keys_(normals(kText * 2 * f_.heads * f_.K, 1 / std::sqrt(static_cast<float>(f_.K)))),
        values_(normals(kText * f_.heads * f_.V, 1)),
        a_(kText * f_.heads, -0.05f),
        dt_(kText * f_.heads, 0.1f),
        y_(kText * f_.heads * f_.V),
        state_(allocate<float>(f_.layers * floats_)),
        base_(allocate<float>(f_.layers * floats_)),
        next_(allocate<float>(f_.layers * floats_)),
        log_(allocate<std::byte>(f_.layers * log_bytes_)),
        weights_(f_.weight_bytes / sizeof(uint64_t), 1) {
    std::iota(head_.begin(), head_.end(), 0u);
  }

  // Nanoseconds of one token through all layers.
  double step() {
    read_weights();
    return timed([&] {
      for (size_t layer = 0; layer < f_.layers; ++layer) {
        SsdArguments s = rows();
        s.state = state_.get() + layer * floats_;
        (f_.delta ? kernels_.delta : kernels_.ssd_step)(pool_, s);
      }
    });
  }

  double log(size_t held) {
    read_weights();
    return timed([&] {
      for (size_t layer = 0; layer < f_.layers; ++layer) {
        (f_.delta ? kernels_.delta_log : kernels_.ssd_log)(
            pool_, {rows(), base_.get() + layer * floats_, log_.get() + layer * log_bytes_, held});
      }
    });
  }

  // Of a whole page.
  double fold() {
    read_weights();
    const double ns = timed([&] {
      for (size_t layer = 0; layer < f_.layers; ++layer) {
        kernels_.log_fold(
            pool_, {f_.heads, f_.heads_per_key, f_.K, f_.V, base_.get() + layer * floats_,
                    log_.get() + layer * log_bytes_, kPageTokens, next_.get() + layer * floats_});
      }
    });
    base_.swap(next_);
    return ns;
  }

  // Nanoseconds a token of a text; with `shared` false as if each head had keys of its own.
  double prefill(bool shared) {
    const double ns = timed([&] {
      for (size_t layer = 0; layer < f_.layers; ++layer) {
        SsdArguments s = rows();
        s.tokens = kText;
        if (!shared) s.heads_per_key = 1;
        s.state = state_.get() + layer * floats_;
        (f_.delta ? kernels_.delta : kernels_.ssd_prefill)(pool_, s);
      }
    });
    return ns / kText;
  }

  double copy() {
    read_weights();
    return timed(
        [&] { std::memcpy(next_.get(), state_.get(), f_.layers * floats_ * sizeof(float)); });
  }

  double state_megabytes() const {
    return static_cast<double>(f_.layers * floats_ * sizeof(float)) / 1e6;
  }
  double log_kilobytes() const {
    return static_cast<double>(f_.layers * log_bytes_) / 1e3 / kPageTokens;
  }

 private:
  template <class Body>
  static double timed(const Body& body) {
    const auto begin = Clock::now();
    body();
    return std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
  }

  void read_weights() {
    uint64_t sum = 0;
    for (const uint64_t word : weights_) sum += word;
    if (sum == 0) std::abort();
  }

  SsdArguments rows() {
    return {.tokens = 1,
            .heads = f_.heads,
            .head = head_.data(),
            .K = f_.K,
            .V = f_.V,
            .q = keys_.data(),
            .ldq = 2 * f_.heads * f_.K,
            .k = keys_.data() + f_.heads * f_.K,
            .ldk = 2 * f_.heads * f_.K,
            .v = values_.data(),
            .ldv = f_.heads * f_.V,
            .a = a_.data(),
            .dt = dt_.data(),
            .lda = f_.heads,
            .scale = 0.1f,
            .state = nullptr,
            .y = y_.data(),
            .ldy = f_.heads * f_.V,
            .heads_per_key = f_.heads_per_key};
  }

  const Family& f_;
  const Kernels& kernels_;
  ThreadPool& pool_;
  size_t log_bytes_;  // of a layer's part of a page
  size_t floats_;     // of a layer's state
  std::vector<uint32_t> head_;
  std::vector<float> keys_, values_, a_, dt_, y_;
  Memory<float> state_, base_, next_;
  Memory<std::byte> log_;
  std::vector<uint64_t> weights_;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

int main(int argc, char** argv) {
  ThreadPool pool(argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1);
  const Kernels* level = argc > 2 ? kernels_for(argv[2]) : &kernels();
  if (level == nullptr) return std::puts("No such level here."), 1;
  std::printf("%s, %u threads; us a token, all layers\n", level->level, pool.threads());
  std::printf("%-14s %9s %9s %9s %9s %9s %7s %9s %10s %9s %9s\n", "family", "step", "log", "fold",
              "log+fold", "copy once", "ratio", "state MB", "log KB/tok", "prefill", "unshared");
  for (const Family& family : kFamilies) {
    Decoding decoding(family, *level, pool);
    std::vector<double> steps, folds, copies, shared, unshared, logs[kPageTokens];
    for (int round = 0; round < 9; ++round) {
      for (size_t t = 0; t < kPageTokens; ++t) {
        steps.push_back(decoding.step());
        logs[t].push_back(decoding.log(t));
      }
      folds.push_back(decoding.fold());
      copies.push_back(decoding.copy());
      shared.push_back(decoding.prefill(true));
      unshared.push_back(decoding.prefill(false));
    }
    double log = 0;
    for (const std::vector<double>& times : logs) log += median(times) / kPageTokens;
    const double step = median(steps), fold = median(folds) / kPageTokens;
    std::printf("%-14s %9.1f %9.1f %9.1f %9.1f %9.1f %7.2f %9.2f %10.1f %9.1f %9.1f\n", family.name,
                step / 1e3, log / 1e3, fold / 1e3, (log + fold) / 1e3, median(copies) / 1e3,
                (log + fold) / step, decoding.state_megabytes(), decoding.log_kilobytes(),
                median(shared) / 1e3, median(unshared) / 1e3);
  }
}
