// Speed and memory of the time-invariant layer and of whole classifiers, which look both ways,
// against attention of as many parameters: longrange_bench [threads]. Random weights; the forms
// that are compared take turns, and each figure is a median. Prints JSON. With one thread time is
// the processor's, which other programs on the machine do not lengthen; with more it is the
// clock's.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>

#include "classifier.h"
#include "formats/error.h"
#include "kernels/fft_conv.h"
#include "longrange/stream.h"
#include "longrange/whole.h"

namespace {

using namespace stateline;
using nlohmann::json;

constexpr std::size_t kChannels = 16, kStates = 64, kRank = 16;            // of the forms
constexpr std::size_t kHidden = 128, kLayers = 6, kAttentionHidden = 104;  // of the classifiers
constexpr int kRounds = 3;
constexpr std::size_t kMillion = 1'000'000;

// Of the longest, attention takes half a minute.
constexpr int rounds_of(std::size_t tokens) { return tokens > 16'384 ? 1 : kRounds; }

clockid_t clock_in_use = CLOCK_PROCESS_CPUTIME_ID;

double now() {
  timespec time{};
  clock_gettime(clock_in_use, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds_of(const std::function<void()>& body) {
  const double begin = now();
  body();
  return now() - begin;
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
  std::size_t hidden = kHidden;
};
constexpr Contender kContenders[] = {{"low_rank", 1, "low_rank"},
                                     {"diagonal", 1, "diagonal"},
                                     {"hybrid", 0.5, "diagonal"},
                                     {"attention", 0, "diagonal", kAttentionHidden}};

std::shared_ptr<const longrange::Model> model_of(const Contender& contender, bool both_ways) {
  return testing::Classifier(contender.hidden, kLayers, contender.ssm_ratio, contender.family, 1,
                             both_ways)
      .load();
}

struct Reading {
  double seconds;
  std::size_t memory_bytes;  // kept at the end
  std::size_t early_bytes;   // and after the first segment, of a stream
  long peak_bytes;           // the most that the process held
};

Reading stream(const longrange::Model& model, unsigned threads,
               std::span<const std::uint8_t> bytes) {
  kernels::ThreadPool pool(threads);
  longrange::Stream stream(model, pool);
  Reading reading{};
  reading.seconds = seconds_of([&] {
    stream.read(bytes.first(longrange::kSegment));
    reading.early_bytes = stream.memory_bytes();
    stream.read(bytes.subspan(longrange::kSegment));
    stream.logits();
  });
  reading.memory_bytes = stream.memory_bytes();
  return reading;
}

Reading read_whole(const longrange::Model& model, unsigned threads,
                   std::span<const std::uint8_t> bytes) {
  Reading reading{};
  reading.seconds = seconds_of(
      [&] { reading.memory_bytes = longrange::classify(model, threads, bytes).memory_bytes; });
  return reading;
}

// Loads a classifier and reads a sequence in a process of its own, so that its memory is its own.
Reading read_alone(const Contender& contender, bool both_ways, unsigned threads,
                   std::size_t tokens) {
  int ends[2];
  if (pipe(ends) != 0) throw Error(ErrorCode::kInvalidState, "There is no pipe to a process.");
  const pid_t child = fork();
  if (child == 0) {
    const auto model = model_of(contender, both_ways);
    const std::vector<std::uint8_t> bytes = testing::random_bytes(tokens, 2);
    const Reading reading = (both_ways ? read_whole : stream)(*model, threads, bytes);
    _exit(write(ends[1], &reading, sizeof reading) == sizeof reading ? 0 : 1);
  }
  Reading reading{};
  close(ends[1]);
  const bool whole = read(ends[0], &reading, sizeof reading) == sizeof reading;
  close(ends[0]);
  rusage usage{};
  wait4(child, nullptr, 0, &usage);
  if (!whole) throw Error(ErrorCode::kInvalidState, "A reading failed in its own process.");
  reading.peak_bytes = usage.ru_maxrss * 1024;  // Linux counts in KiB
  return reading;
}

json measure_contenders(unsigned threads) {
  json out = json::array();
  for (const std::size_t tokens : {4096, 16'384, 32'768}) {
    std::map<std::string, std::vector<double>> ms;
    json row{{"tokens", tokens}, {"rounds", rounds_of(tokens)}};
    for (int round = 0; round < rounds_of(tokens); ++round) {
      for (const Contender& contender : kContenders) {
        const Reading reading = read_alone(contender, true, threads, tokens);
        ms[contender.name].push_back(1000 * reading.seconds);
        row["memoryBytes"][contender.name] = reading.memory_bytes;
        row["peakBytes"][contender.name] = reading.peak_bytes;
      }
    }
    for (const auto& [name, times] : ms) {
      row["ms"][name] = median(times);
      row["timesFasterThanAttention"][name] = median(ms["attention"]) / median(times);
    }
    out.push_back(row);
  }
  return out;
}

json measure_million(unsigned threads) {
  json out = json::array();
  for (const Contender& contender : {kContenders[0], kContenders[1]}) {
    const Reading reading = read_alone(contender, false, threads, kMillion);
    out.push_back({{"family", contender.family},
                   {"tokens", kMillion},
                   {"tokensPerSecond", static_cast<double>(kMillion) / reading.seconds},
                   {"memoryBytesAfterFirst", reading.early_bytes},
                   {"memoryBytes", reading.memory_bytes},
                   {"peakBytes", reading.peak_bytes}});
  }
  return out;
}

}  // namespace

int main(int count, char** arguments) {
  const auto threads =
      count > 1 ? static_cast<unsigned>(std::strtoul(arguments[1], nullptr, 10)) : 1u;
  if (threads > 1) clock_in_use = CLOCK_MONOTONIC;
  try {
    // First, while this process is small: what is forked from it weighs what it has.
    json contenders = measure_contenders(threads);
    json million = measure_million(threads);
    kernels::ThreadPool pool(threads);
    const json out{{"threads", threads},
                   {"cpuLevel", kernels::kernels().level},
                   {"hidden", kHidden},
                   {"attentionHidden", kAttentionHidden},
                   {"layers", kLayers},
                   {"states", testing::Classifier::kStates},
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
