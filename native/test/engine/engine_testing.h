// What the engine tests share: a loaded random model, waiting for replies, comparison of logits.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <memory>
#include <vector>

#include "checkpoint.h"
#include "engine/branch.h"
#include "engine/engine.h"

namespace stateline::testing {

using engine::Branch;
using engine::Engine;
using engine::JobOptions;
using engine::Model;
using engine::Priority;
using engine::Reply;
using engine::State;
using engine::StatePtr;
using engine::Tokens;

inline std::shared_ptr<const Model> load(const Checkpoint& checkpoint) {
  const TemporaryDirectory directory;
  checkpoint.write(directory.path());
  return Model::load(directory.path());
}

// A reply that a test can wait for; get() throws the Error that the job failed with.
template <typename Result>
class Waiting {
 public:
  Reply<Result> reply() {
    return {[promise = promise_](Result result) { promise->set_value(std::move(result)); },
            [promise = promise_](const Error& error) {
              promise->set_exception(std::make_exception_ptr(error));
            }};
  }
  Result get() { return future_.get(); }

 private:
  std::shared_ptr<std::promise<Result>> promise_ = std::make_shared<std::promise<Result>>();
  std::future<Result> future_ = promise_->get_future();
};

inline StatePtr advance(Engine& engine, StatePtr state, const Tokens& tokens,
                        const JobOptions& options = {}) {
  Waiting<std::vector<StatePtr>> waiting;
  engine.advance(std::move(state), tokens, {tokens.size()}, options, waiting.reply());
  return waiting.get()[0];
}

// [vocab] nats, of the token after the state.
inline std::vector<float> log_probs(Engine& engine, StatePtr state) {
  Waiting<engine::Distributions> waiting;
  engine.log_probs({std::move(state)}, {}, waiting.reply());
  return waiting.get()[0];
}

// Max |a - b| / max |b|.
template <typename A, typename B>
double relative_error(const A& a, const B& b) {
  REQUIRE(a.size() == b.size());
  double difference = 0, top = 1e-30;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double gap = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    difference = std::max(difference, std::isnan(gap) ? 1e30 : gap);
    top = std::max(top, std::fabs(static_cast<double>(b[i])));
  }
  return difference / top;
}

inline std::span<const float> floats(const engine::Buffer& buffer) {
  return {buffer.floats(), buffer.size() / sizeof(float)};
}

// The greatest relative error among a state's parts; pages are compared slot by slot as floats, the
// decays (doubles) apart, since they grow with the text, and only as far as the text goes.
inline double state_error(const State& a, const State& b) {
  REQUIRE(a.token_count() == b.token_count());
  REQUIRE(a.shape() == b.shape());
  REQUIRE(a.memory().pages.size() == b.memory().pages.size());
  double worst = relative_error(floats(a.memory().hidden), floats(b.memory().hidden));
  if (a.memory().recurrent->size() > 0)
    worst = std::max(worst,
                     relative_error(floats(*a.memory().recurrent), floats(*b.memory().recurrent)));
  worst = std::max(worst, relative_error(floats(a.memory().conv), floats(b.memory().conv)));
  const models::CacheMemory cache = a.shape().layout->layers()[0].cache;  // each layer's
  const std::size_t K = cache.K, V = cache.V, tokens = kernels::kPageTokens;
  for (std::size_t p = 0; p < a.memory().pages.size(); ++p) {
    const std::size_t over = a.token_count() % tokens;
    const std::size_t read = p + 1 < a.memory().pages.size() || over == 0 ? tokens : over;
    for (std::size_t at = 0; at < a.shape().page_bytes(); at += kernels::slot_bytes(K, V)) {
      const auto slot = [&](const State& state) {
        const std::byte* begin = state.memory().pages[p]->data() + at;
        std::vector<std::byte> bytes(begin, begin + kernels::slot_bytes(K, V));
        kernels::clear_slot(bytes.data(), read, K, V);
        return bytes;
      };
      const std::vector<std::byte> x = slot(a), y = slot(b);
      const auto doubles = [&](const std::vector<std::byte>& bytes) {
        return std::span(reinterpret_cast<const double*>(bytes.data()), tokens);
      };
      const auto rest = [&](const std::vector<std::byte>& bytes) {
        return std::span(reinterpret_cast<const float*>(doubles(bytes).data() + tokens),
                         tokens * (1 + K + V));
      };
      worst = std::max(
          {worst, relative_error(doubles(x), doubles(y)), relative_error(rest(x), rest(y))});
    }
  }
  return worst;
}

}  // namespace stateline::testing
