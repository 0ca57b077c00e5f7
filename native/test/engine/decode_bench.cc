// Speed of a model: decode_bench [folder or GGUF file] [state heads]. Prints what states before a
// cursor hold, prefill tokens/s and ms
// per decoded token with one and two threads, and both again beside one busy process (a spinning
// twin). Each figure is the median of the repetitions; the ratio busy : idle is that of the
// medians.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <vector>

#include "engine/branch.h"
#include "engine/engine.h"
#include "formats/error.h"

namespace {

using namespace stateline;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kPrefillTokens = 4096;
constexpr std::size_t kDecodedTokens = 256;
constexpr int kRepetitions = 9;
constexpr std::uint64_t kWindow = 2048;  // tokens, the product's default

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Speed {
  double prefill_tokens_per_s;
  double ms_per_decoded_token;
};

Speed measure(const engine::Model& model, std::size_t state_heads, unsigned threads) {
  engine::Workbench workbench(model, threads);
  std::mt19937 random(1);
  engine::Tokens tokens(kPrefillTokens);
  for (std::int32_t& token : tokens)
    token = static_cast<std::int32_t>(random() % model.plan().vocab_size);
  std::vector<float> logits(model.plan().vocab_size);
  std::vector<double> prefill, decode;
  for (int i = 0; i < kRepetitions; ++i) {
    engine::Branch branch(model, *engine::State::initial(model, state_heads, kWindow));
    auto begin = Clock::now();
    for (std::size_t at = 0; at < tokens.size(); at += engine::kPrefillChunk)
      workbench.executor->advance(branch, std::span(tokens).subspan(at, engine::kPrefillChunk));
    prefill.push_back(seconds_since(begin));
    branch.reserve(kDecodedTokens);
    engine::Sampler sampler({}, model);
    begin = Clock::now();
    for (std::size_t n = 0; n < kDecodedTokens; ++n) {
      workbench.executor->logits(branch.hidden(), logits.data());
      const engine::Sample sample = sampler.sample(logits);
      workbench.executor->advance(branch, std::span(&sample.token, 1));
    }
    decode.push_back(seconds_since(begin));
  }
  return {kPrefillTokens / median(prefill), 1000 * median(decode) / kDecodedTokens};
}

// What the states after each of the last 40 of 1,024 tokens hold together, in bytes; of one, if
// each were apart.
struct Held {
  std::size_t together, apart;
};
Held forty_states(const engine::Model& model, std::size_t state_heads) {
  constexpr std::size_t kTokens = 1024, kStates = 40;
  engine::Workbench workbench(model, 1);
  engine::Branch branch(model, *engine::State::initial(model, state_heads, kWindow));
  const engine::Tokens tokens(engine::kPrefillChunk, 1);
  for (std::size_t at = 0; at < kTokens; at += tokens.size())
    workbench.executor->advance(branch, tokens);
  std::vector<std::size_t> stops(kStates);
  std::iota(stops.begin(), stops.end(), std::size_t{1});
  const auto states =
      workbench.executor->advance_through(branch, std::span(tokens).first(kStates), stops);
  return {model.meter()->bytes(), kStates * (states[0]->state_bytes() + states[0]->kv_bytes())};
}

// A process of its own that spins until stopped.
class BusyNeighbour {
 public:
  BusyNeighbour() : child_(fork()) {
    if (child_ != 0) return;
    for (std::atomic<unsigned> spins{0};;) spins.fetch_add(1, std::memory_order_relaxed);
  }
  ~BusyNeighbour() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }

 private:
  pid_t child_;
};

}  // namespace

int main(int count, char** arguments) {
  try {
    const auto model = engine::Model::load(count > 1 ? arguments[1] : "model/weights",
                                           kernels::kernels(), nullptr, engine::Rounding::kInt8);
    const std::size_t heads = model->plan().heads;
    const std::size_t state_heads =
        count > 2 ? std::strtoul(arguments[2], nullptr, 10)
                  : static_cast<std::size_t>(
                        model->plan().hybrid_ratio * static_cast<double>(heads) + 0.5);
    std::printf("%s, %s, %zu parameters, %zu of %zu heads in state mode, window %llu\n",
                model->kernels().level, model->quantization().data(), model->parameters(),
                state_heads, heads, static_cast<unsigned long long>(kWindow));
    const Held held = forty_states(*model, state_heads);
    std::printf("the states after each of the last 40 tokens hold %.1f MB (%.1f MB apart)\n",
                static_cast<double>(held.together) / 1e6, static_cast<double>(held.apart) / 1e6);
    for (const unsigned threads : {1u, 2u}) {
      const Speed idle = measure(*model, state_heads, threads);
      const BusyNeighbour neighbour;
      const Speed busy = measure(*model, state_heads, threads);
      std::printf(
          "%u threads: prefill %.0f tokens/s, decode %.3f ms/token; beside a busy process %.0f "
          "tokens/s (x %.2f), %.3f ms/token (x %.2f)\n",
          threads, idle.prefill_tokens_per_s, idle.ms_per_decoded_token, busy.prefill_tokens_per_s,
          busy.prefill_tokens_per_s / idle.prefill_tokens_per_s, busy.ms_per_decoded_token,
          idle.ms_per_decoded_token / busy.ms_per_decoded_token);
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
