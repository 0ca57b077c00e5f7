// The model straight from its mathematics: one token after another, in double, sharing no code with
// the engine. Slow and plain on purpose.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "checkpoint.h"

namespace stateline::testing {

using Vector = std::vector<double>;

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline double silu(double x) { return x * sigmoid(x); }
inline double softplus(double x) { return x > 30 ? x : std::log1p(std::exp(x)); }

inline Vector times(const std::vector<float>& W, const Vector& x) {
  Vector y(W.size() / x.size(), 0);
  for (std::size_t i = 0; i < y.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j)
      y[i] += static_cast<double>(W[i * x.size() + j]) * x[j];
  return y;
}

// x / sqrt(mean(x^2) + eps), times weight[offset...].
inline Vector rms_norm(const Vector& x, const std::vector<float>& weight, std::size_t offset) {
  double squares = 0;
  for (const double value : x) squares += value * value;
  const double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + 1e-5);
  Vector y;
  for (std::size_t i = 0; i < x.size(); ++i)
    y.push_back(x[i] * scale * static_cast<double>(weight[offset + i]));
  return y;
}

class Oracle {
 public:
  Oracle(const Checkpoint& checkpoint, std::size_t state_heads, std::size_t window)
      : checkpoint_(checkpoint),
        config_(checkpoint.config),
        state_heads_(state_heads),
        window_(window),
        layers_(config_.layers) {
    for (Layer& layer : layers_) {
      layer.S.assign(config_.heads, Vector(config_.key_dim * config_.value_dim, 0));
      layer.past.resize(config_.heads);
    }
  }

  // Reads one token; logits for the next.
  Vector step(std::int32_t token) {
    const std::size_t d = config_.hidden_size;
    const std::vector<float>& embedding = checkpoint_.at("model.embed_tokens.weight");
    const auto row = embedding.begin() + token * static_cast<std::ptrdiff_t>(d);
    Vector x(row, row + static_cast<std::ptrdiff_t>(d));
    for (std::size_t i = 0; i < config_.layers; ++i) {
      add(x, mixer(i, rms_norm(x, weight(i, "norm1.weight"), 0)));
      add(x, mlp(i, rms_norm(x, weight(i, "norm2.weight"), 0)));
    }
    return times(embedding, rms_norm(x, checkpoint_.at("model.norm.weight"), 0));
  }

 private:
  struct Past {
    Vector k, v;
    double a, dt;
  };
  struct Layer {
    std::vector<Vector> S;                // [H][K V]
    std::vector<std::vector<Past>> past;  // [H][tokens]
    std::vector<Vector> inputs;           // of the convolution, [tokens][C]
  };

  const std::vector<float>& weight(std::size_t layer, const std::string& name) const {
    return checkpoint_.at("model.layers." + std::to_string(layer) + "." + name);
  }

  static void add(Vector& x, const Vector& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  bool attends(std::size_t layer, std::size_t head) const {
    const std::vector<std::uint32_t>& order = config_.head_switch_order[layer];
    const auto place = std::find(order.begin(), order.end(), head) - order.begin();
    return static_cast<std::size_t>(place) < config_.heads - state_heads_;
  }

  Vector convolved(std::size_t index, const Vector& u) {
    Layer& layer = layers_[index];
    const std::size_t C = config_.conv_channels();
    layer.inputs.emplace_back(u.begin(), u.begin() + static_cast<std::ptrdiff_t>(C));
    const auto t = static_cast<std::ptrdiff_t>(layer.inputs.size()) - 1;
    Vector c(C);
    for (std::size_t i = 0; i < C; ++i) {
      c[i] = static_cast<double>(weight(index, "mixer.conv.bias")[i]);
      for (std::ptrdiff_t w = 0; w < 4; ++w) {
        if (t - 3 + w < 0) continue;
        const double tap = static_cast<double>(
            weight(index, "mixer.conv.weight")[i * 4 + static_cast<std::size_t>(w)]);
        c[i] += tap * layer.inputs[static_cast<std::size_t>(t - 3 + w)][i];
      }
      c[i] = silu(c[i]);
    }
    return c;
  }

  Vector mixer(std::size_t index, const Vector& h) {
    const std::size_t H = config_.heads, K = config_.key_dim, V = config_.value_dim,
                      C = config_.conv_channels();
    const Vector u = times(weight(index, "mixer.in_proj.weight"), h);
    const Vector c = convolved(index, u);
    const auto part = [](const Vector& from, std::size_t begin, std::size_t size) {
      const auto first = from.begin() + static_cast<std::ptrdiff_t>(begin);
      return Vector(first, first + static_cast<std::ptrdiff_t>(size));
    };
    Vector mixed;
    for (std::size_t head = 0; head < H; ++head) {
      const std::size_t mode = attends(index, head) ? 1 : 0;
      const Vector q = rms_norm(part(c, head * K, K), weight(index, "mixer.q_norm"), head * K);
      Past now;
      now.k = rms_norm(part(c, (H + head) * K, K), weight(index, "mixer.k_norm"), head * K);
      now.v = part(c, 2 * H * K + head * V, V);
      now.dt =
          softplus(u[C + H * V + head] + static_cast<double>(weight(index, "mixer.dt_bias")[head]));
      now.a =
          -std::exp(static_cast<double>(weight(index, "mixer.A_log")[mode * H + head])) * now.dt;
      layers_[index].past[head].push_back(now);
      Vector y = mode == 1 ? attend(index, head, q) : recur(index, head, q, now);
      for (std::size_t i = 0; i < V; ++i)
        y[i] += static_cast<double>(weight(index, "mixer.D")[head]) * now.v[i];
      y = rms_norm(y, weight(index, "mixer.out_norm"), (mode * H + head) * V);
      for (std::size_t i = 0; i < V; ++i) mixed.push_back(y[i] * sigmoid(u[C + head * V + i]));
    }
    return times(weight(index, "mixer.out_proj.weight"), mixed);
  }

  Vector recur(std::size_t index, std::size_t head, const Vector& q, const Past& now) {
    const std::size_t K = config_.key_dim, V = config_.value_dim;
    Vector& S = layers_[index].S[head];
    Vector y(V, 0);
    for (std::size_t i = 0; i < K; ++i)
      for (std::size_t j = 0; j < V; ++j) {
        double& cell = S[i * V + j];
        cell = std::exp(now.a) * cell + now.dt * now.k[i] * now.v[j];
        y[j] += cell * q[i] / std::sqrt(static_cast<double>(K));
      }
    return y;
  }

  Vector attend(std::size_t index, std::size_t head, const Vector& q) {
    const std::vector<Past>& past = layers_[index].past[head];
    const std::size_t K = config_.key_dim, V = config_.value_dim, seen = past.size();
    const std::size_t first = window_ == 0 || seen <= window_ ? 0 : seen - window_;
    const double temperature =
        std::exp(static_cast<double>(weight(index, "mixer.temperature")[head]));
    Vector scores(seen, 0);
    double decay = 0;  // sum of a over (j, i]
    for (std::size_t j = seen; j-- > first;) {
      for (std::size_t n = 0; n < K; ++n) scores[j] += q[n] * past[j].k[n];
      scores[j] = scores[j] * temperature / std::sqrt(static_cast<double>(K)) + decay +
                  std::log(std::max(past[j].dt, 1e-6));
      decay += past[j].a;
    }
    double total = 0;
    Vector y(V, 0);
    const double top =
        *std::max_element(scores.begin() + static_cast<std::ptrdiff_t>(first), scores.end());
    for (std::size_t j = first; j < seen; ++j) {
      const double p = std::exp(scores[j] - top);
      total += p;
      for (std::size_t i = 0; i < V; ++i) y[i] += p * past[j].v[i];
    }
    for (double& value : y) value /= total;
    return y;
  }

  Vector mlp(std::size_t index, const Vector& h) const {
    const std::size_t F = config_.intermediate_size;
    const Vector both = times(weight(index, "mlp.gate_up_proj.weight"), h);
    Vector gated(F);
    for (std::size_t i = 0; i < F; ++i) gated[i] = silu(both[i]) * both[F + i];
    return times(weight(index, "mlp.down_proj.weight"), gated);
  }

  const Checkpoint& checkpoint_;
  const models::StatelineConfig& config_;
  std::size_t state_heads_;
  std::size_t window_;  // 0 = all
  std::vector<Layer> layers_;
};

}  // namespace stateline::testing
