// Speed and memory of the time-invariant layer and of whole classifiers against attention of the
// same size: longrange_bench [threads]. Random weights; the forms that are compared take turns, and
// each figure is a median. Prints JSON.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "classifier.h"
#include "formats/error.h"
#include "kernels/fft_conv.h"
#include "longrange/stream.h"

namespace {

using namespace stateline;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kChannels = 16, kStates = 64, kRank = 16;  // of the forms
constexpr std::size_t kHidden = 64, kLayers = 4;                 // of the classifiers
constexpr int kRounds = 3;
constexpr std::size_t kMillion = 1'000'000;

double seconds_of(const std::function<void()>& body) {
  const auto begin = Clock::now();
  body();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<float> normals(std::size_t n, float scale) {
  static std::mt19937 random(1);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

kernels::TimeInvariantSystem system_of(bool low_rank, std::size_t channels) {
  const auto P = normals(kStates * kRank, 0.05f), Q = normals(kStates * kRank, 0.05f),
             B = normals(channels * kStates, 0.1f), C = normals(channels * kStates, 0.1f),
             D = normals(channels, 1);
  if (low_rank) {
    return kernels::TimeInvariantSystem(kernels::LowRankSystem{
        channels, kStates, kRank, 0.9f, P.data(), Q.data(), B.data(), C.data(), D.data()});
  }
  const auto re = normals(channels * kStates / 2, 0.2f), im = normals(channels * kStates / 2, 0.2f);
  return kernels::TimeInvariantSystem(kernels::DiagonalSystem{
      channels, kStates / 2, re.data(), im.data(), B.data(), C.data(), D.data()});
}

// The four forms of one layer at one length, kernels as long as the sequence.
class Forms {
 public:
  Forms(kernels::ThreadPool& pool, bool low_rank, std::size_t tokens)
      : pool_(pool),
        system_(system_of(low_rank, kChannels)),
        tokens_(tokens),
        u_(normals(tokens * kChannels, 1)),
        y_(u_.size()),
        state_(kChannels * system_.operators().states),
        kernel_(kernels::impulse_response(*best_.ti_scan, pool, system_.operators(), tokens)),
        long_kernel_(kChannels, tokens, kernel_.data()),
        fft_(kChannels, tokens, kernel_.data()),
        past_(kChannels * tokens) {}

  // Microseconds a token of 16 channels, and the form that is fastest.
  json measure() {
    const std::pair<const char*, std::function<void()>> forms[] = {
        {"recurrence", [&] { run(*best_.ti_recurrence); }},
        {"scan", [&] { run(*best_.ti_scan); }},
        {"direct",
         [&] {
           best_.long_conv(pool_, long_kernel_, tokens_, u_.data(), kChannels, past_.data(),
                           y_.data(), kChannels);
         }},
        {"fourier", [&] {
           fft_.run(pool_, tokens_, u_.data(), kChannels, past_.data(), y_.data(), kChannels);
         }}};
    std::map<std::string, std::vector<double>> times;
    const std::size_t repeats = std::max<std::size_t>(1, 2048 / tokens_);
    for (int round = 0; round < kRounds; ++round) {
      for (const auto& [name, body] : forms) {
        times[name].push_back(seconds_of([&, &form = body] {
          for (std::size_t i = 0; i < repeats; ++i) form();
        }));
      }
    }
    json out{{"tokens", tokens_}};
    for (const auto& [name, seconds] : times)
      out["usPerToken"][name] = 1e6 * median(seconds) / static_cast<double>(repeats * tokens_);
    return out;
  }

 private:
  void run(kernels::TiRun& form) {
    form(pool_, system_.operators(), tokens_, u_.data(), kChannels, state_.data(), y_.data(),
         kChannels);
  }

  const kernels::Kernels& best_ = kernels::kernels();
  kernels::ThreadPool& pool_;
  kernels::TimeInvariantSystem system_;
  std::size_t tokens_;
  std::vector<float> u_, y_, state_, kernel_;
  kernels::LongKernel long_kernel_;
  kernels::FftConv fft_;
  std::vector<float> past_;
};

json measure_forms(kernels::ThreadPool& pool) {
  json out = json::array();
  for (const bool low_rank : {true, false}) {
    json lengths = json::array();
    for (const std::size_t tokens : {1, 8, 16, 32, 64, 256, 1024, 4096, 16'384, 65'536})
      lengths.push_back(Forms(pool, low_rank, tokens).measure());
    out.push_back({{"family", low_rank ? "low_rank" : "diagonal"},
                   {"channels", kChannels},
                   {"states", kStates},
                   {"rank", low_rank ? kRank : 0},
                   {"lengths", lengths}});
  }
  return out;
}

// Tokens a second of one layer's scan, channels as wide as a model.
json measure_layers(kernels::ThreadPool& pool) {
  constexpr std::size_t kTokens = 8192;
  json out = json::array();
  for (const bool low_rank : {true, false}) {
    for (const std::size_t channels : {64, 128, 256}) {
      const kernels::TimeInvariantSystem system = system_of(low_rank, channels);
      const std::vector<float> u = normals(kTokens * channels, 1);
      std::vector<float> y(u.size()), state(channels * system.operators().states);
      std::vector<double> times;
      for (int round = 0; round < 2 * kRounds + 1; ++round) {
        times.push_back(seconds_of([&] {
          kernels::kernels().ti_scan(pool, system.operators(), kTokens, u.data(), channels,
                                     state.data(), y.data(), channels);
        }));
      }
      out.push_back({{"family", low_rank ? "low_rank" : "diagonal"},
                     {"channels", channels},
                     {"tokensPerSecond", static_cast<double>(kTokens) / median(times)},
                     {"operatorBytes", system.bytes()}});
    }
  }
  return out;
}

struct Contender {
  const char* name;
  double ssm_ratio;
  const char* family;
};
constexpr Contender kContenders[] = {{"low_rank", 1, "low_rank"},
                                     {"diagonal", 1, "diagonal"},
                                     {"hybrid", 0.5, "diagonal"},
                                     {"attention", 0, "diagonal"}};

std::shared_ptr<const longrange::Model> model_of(const Contender& contender) {
  return testing::Classifier(kHidden, kLayers, contender.ssm_ratio, contender.family, 1).load();
}

// The most memory that a process of its own needs to load a classifier and read one sequence.
long peak_bytes(const Contender& contender, std::size_t tokens) {
  const pid_t child = fork();
  if (child == 0) {
    longrange::classify(*model_of(contender), 1, testing::random_bytes(tokens, 2));
    _exit(0);
  }
  rusage usage{};
  int status = 0;
  wait4(child, &status, 0, &usage);
  if (status != 0) throw Error(ErrorCode::kInvalidState, "A reading failed in its own process.");
  return usage.ru_maxrss * 1024;  // Linux counts in KiB
}

json measure_contenders(unsigned threads) {
  json out = json::array();
  for (const std::size_t tokens : {4096, 16'384, 32'768}) {
    const std::vector<std::uint8_t> bytes = testing::random_bytes(tokens, 2);
    std::map<std::string, std::vector<double>> ms;
    json row{{"tokens", tokens}};
    for (int round = 0; round < kRounds; ++round) {
      for (const Contender& contender : kContenders) {
        const auto model = model_of(contender);
        ms[contender.name].push_back(1000 * seconds_of([&] {
                                       const auto answer =
                                           longrange::classify(*model, threads, bytes);
                                       row["memoryBytes"][contender.name] = answer.memory_bytes;
                                     }));
      }
    }
    for (const auto& [name, times] : ms) row["ms"][name] = median(times);
    for (const Contender& contender : kContenders) {
      row["peakBytes"][contender.name] = peak_bytes(contender, tokens);
      row["timesFasterThanAttention"][contender.name] =
          median(ms["attention"]) / median(ms[contender.name]);
    }
    std::fprintf(stderr, "%s\n", row.dump().c_str());
    out.push_back(row);
  }
  return out;
}

json measure_million(unsigned threads) {
  json out = json::array();
  for (const Contender& contender : {kContenders[0], kContenders[1]}) {
    const auto model = model_of(contender);
    kernels::ThreadPool pool(threads);
    longrange::Stream stream(*model, pool);
    const std::vector<std::uint8_t> bytes = testing::random_bytes(kMillion, 3);
    stream.read(std::span(bytes).first(1000));
    const std::size_t early = stream.memory_bytes();
    const double seconds = seconds_of([&] { stream.read(std::span(bytes).subspan(1000)); });
    stream.logits();
    out.push_back({{"family", contender.family},
                   {"tokens", stream.token_count()},
                   {"tokensPerSecond", static_cast<double>(kMillion - 1000) / seconds},
                   {"memoryBytesAfter1000", early},
                   {"memoryBytes", stream.memory_bytes()},
                   {"peakBytes", peak_bytes(contender, kMillion)}});
  }
  return out;
}

}  // namespace

int main(int count, char** arguments) {
  const auto threads =
      count > 1 ? static_cast<unsigned>(std::strtoul(arguments[1], nullptr, 10)) : 1u;
  try {
    // First: a process that is forked from a small one weighs what its reading weighs.
    json contenders = measure_contenders(threads);
    json million = measure_million(threads);
    kernels::ThreadPool pool(threads);
    const json out{{"threads", threads},
                   {"cpuLevel", kernels::kernels().level},
                   {"hidden", kHidden},
                   {"layers", kLayers},
                   {"states", kStates},
                   {"contenders", std::move(contenders)},
                   {"million", std::move(million)},
                   {"layer", measure_layers(pool)},
                   {"forms", measure_forms(pool)}};
    std::printf("%s\n", out.dump().c_str());
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
