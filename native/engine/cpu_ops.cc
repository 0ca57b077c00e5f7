#include "engine/cpu_ops.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

namespace stateline::engine {
namespace {

using kernels::kPageTokens;

// So few tokens are faster by the recurrence itself than by a chunk, which is made for 64.
constexpr std::size_t kSteppedTokens = 8;

}  // namespace

CpuOps::CpuOps(const Model& model, kernels::ThreadPool& pool)
    : plan_(model.plan()), weights_(model.weights()), kernels_(model.kernels()), pool_(pool) {}

void CpuOps::embed(models::Matrix W, std::span<const std::int32_t> tokens, float scale,
                   models::Rows x) {
  const kernels::PackedMatrix& table = weights_.matrices[W.index];
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    float* row = x.from(t).floats();
    table.copy_row(static_cast<std::size_t>(tokens[t]), row);
    if (scale == 1) continue;
    for (std::size_t i = 0; i < table.cols(); ++i) row[i] *= scale;
  }
}

void CpuOps::linear(const models::LinearOp& op) {
  kernels_.linear(pool_, weights_.matrices[op.W.index], op.x.floats(), op.rows, op.x.stride,
                  op.y.floats(), op.y.stride,
                  {.bias = op.bias ? at(*op.bias) : nullptr, .scale = op.scale, .add = op.add});
}

void CpuOps::norm(const models::NormOp& op) {
  kernels_.rms_norm(op.rows, op.groups, op.width, op.x.floats(), op.x.stride, at(op.weight), op.eps,
                    op.y.floats(), op.y.stride);
}

void CpuOps::gate(const models::GateOp& op) {
  if (op.up.data == nullptr || op.one_gate) return plain_gate(op);
  const auto mul = op.f == models::Activation::kSilu ? kernels_.silu_mul : kernels_.sigmoid_mul;
  mul(pool_, op.rows, op.width, op.gate.floats(), op.gate.stride, op.up.floats(), op.up.stride,
      op.y.floats(), op.y.stride);
}

// Few values: not worth kernels of their own.
void CpuOps::plain_gate(const models::GateOp& op) {
  for (std::size_t t = 0; t < op.rows; ++t) {
    for (std::size_t i = 0; i < op.width; ++i) {
      const float g = *op.gate.from(t, op.one_gate ? 0 : i).floats();
      const float up = op.up.data == nullptr ? 1 : *op.up.from(t, i).floats();
      const float f = 1 / (1 + std::exp(-g));
      *op.y.from(t, i).floats() = up * (op.f == models::Activation::kSilu ? g * f : f);
    }
  }
}

void CpuOps::end_heads(const models::HeadEndOp& op) {
  const std::size_t width = op.heads * op.V;
  if (op.D) {
    kernels_.add_scaled(op.rows, op.heads, op.V, at(*op.D), op.v.floats(), op.v.stride,
                        op.y.floats(), op.y.stride);
  }
  if (op.gate_first) gate({op.f, op.rows, width, op.z, op.y, op.y});
  if (op.weight)
    norm({op.rows, op.norm_groups, width / op.norm_groups, op.y, *op.weight, op.eps, op.y});
  if (!op.gate_first) gate({op.f, op.rows, width, op.z, op.y, op.y});
}

void CpuOps::convolve(const models::ConvolveOp& op) {
  assert(op.before == op.after);
  kernels_.causal_conv(pool_, {.tokens = op.tokens,
                               .channels = op.channels,
                               .x = op.x.floats(),
                               .ldx = op.x.stride,
                               .weight = at(op.weight),
                               .bias = op.bias ? at(*op.bias) : nullptr,
                               .history = op.after,
                               .y = op.y.floats(),
                               .ldy = op.y.stride});
}

void CpuOps::discretise(const models::DiscretiseOp& op) {
  kernels_.discretise({.rows = op.rows,
                       .heads = op.heads,
                       .u = op.u.floats(),
                       .ldu = op.u.stride,
                       .bias = at(op.bias),
                       .A_log = at(op.A_log),
                       .dt = op.dt.floats(),
                       .a = op.a.floats(),
                       .log_dt = op.log_dt.data ? op.log_dt.floats() : nullptr,
                       .dt_min = op.least,
                       .dt_max = op.most});
}

// All layers turn the same tokens: the angles are computed for the first of them.
void CpuOps::rotate(const models::RotateOp& op) {
  const std::size_t count = op.tokens * op.width / 2;
  const Angles wanted{op.theta, op.width, op.tokens, op.position};
  if (!(angles_ == wanted)) {
    cosines_.resize(count);
    sines_.resize(count);
    kernels::rotary_angles(op.tokens, op.position, op.width, cosines_.data(), sines_.data(),
                           op.theta);
    angles_ = wanted;
  }
  kernels_.rotate(op.tokens, op.heads, op.head_dim, op.width, cosines_.data(), sines_.data(),
                  op.x.floats(), op.x.stride);
}

kernels::SsdArguments CpuOps::arguments(const models::StateHeads& heads, std::size_t first,
                                        std::size_t tokens, float* state) const {
  return {.tokens = tokens,
          .heads = heads.heads,
          .head = at(heads.head),
          .K = heads.K,
          .V = heads.V,
          .q = heads.q.from(first).floats(),
          .ldq = heads.q.stride,
          .k = heads.k.from(first).floats(),
          .ldk = heads.k.stride,
          .v = heads.v.from(first).floats(),
          .ldv = heads.v.stride,
          .a = heads.a.from(first).floats(),
          .dt = heads.dt.from(first).floats(),
          .lda = heads.a.stride,
          .scale = heads.scale,
          .state = state,
          .y = heads.y.from(first).floats(),
          .ldy = heads.y.stride,
          .heads_per_key = heads.all / heads.key_heads};
}

void CpuOps::recur(const models::RecurOp& op) {
  if (op.heads.delta) {
    kernels_.delta(pool_, arguments(op.heads, 0, op.tokens, op.state));
    return;
  }
  const auto run = [&](std::size_t first, std::size_t tokens) {
    (tokens == 1 ? kernels_.ssd_step : kernels_.ssd_prefill)(
        pool_, arguments(op.heads, first, tokens, op.state));
  };
  if (op.tokens > kSteppedTokens) return run(0, op.tokens);
  for (std::size_t t = 0; t < op.tokens; ++t) run(t, 1);
}

void CpuOps::recur_log(const models::LogOp& op) {
  const auto run = op.heads.delta ? kernels_.delta_log : kernels_.ssd_log;
  run(pool_, {.rows = arguments(op.heads, 0, op.tokens, nullptr),
              .base = op.base,
              .part = op.log,
              .held = op.logged});
}

void CpuOps::fold(const models::FoldOp& op) { kernels_.log_fold(pool_, fold_arguments(op)); }

kernels::FoldArguments fold_arguments(const models::FoldOp& op) {
  return {.heads = op.heads,
          .heads_per_key = op.heads / op.key_heads,
          .K = op.K,
          .V = op.V,
          .base = op.base,
          .part = op.log,
          .tokens = op.logged,
          .state = op.next_base};
}

namespace {

struct Choice {
  std::size_t expert;
  float weight;
};

// The best top_k of the logits; see ExpertsOp.
std::vector<Choice> choose(const float* logits, const models::ExpertsOp& op) {
  std::vector<Choice> all;
  const float top = *std::max_element(logits, logits + op.experts.size());
  float sum = 0;
  for (std::size_t e = 0; e < op.experts.size(); ++e) {
    all.push_back({e, std::exp(logits[e] - top)});
    sum += all.back().weight;
  }
  const auto kept = all.begin() + static_cast<std::ptrdiff_t>(op.top_k);
  std::partial_sort(all.begin(), kept, all.end(), [](const Choice& a, const Choice& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.expert < b.expert;
  });
  all.erase(kept, all.end());
  if (op.normalised) {
    sum = 0;
    for (const Choice& choice : all) sum += choice.weight;
  }
  for (Choice& choice : all) choice.weight /= sum;
  return all;
}

}  // namespace

// Expert by expert, so that the weights of each are streamed once for all rows that chose it.
void CpuOps::experts(const models::ExpertsOp& op) {
  struct Row {
    std::size_t row;
    float weight;
  };
  std::vector<std::vector<Row>> rows_of(op.experts.size());
  for (std::size_t t = 0; t < op.rows; ++t)
    for (const Choice& choice : choose(op.logits.from(t).floats(), op))
      rows_of[choice.expert].push_back({t, choice.weight * op.scale});
  const std::size_t d = plan_.hidden_size, F = op.F;
  for (std::size_t e = 0; e < op.experts.size(); ++e) {
    const std::vector<Row>& rows = rows_of[e];
    if (rows.empty()) continue;
    expert_x_.resize(rows.size() * d);
    expert_h_.resize(rows.size() * 2 * F);
    for (std::size_t i = 0; i < rows.size(); ++i)
      std::memcpy(&expert_x_[i * d], op.x.from(rows[i].row).floats(), d * sizeof(float));
    float* h = expert_h_.data();
    kernels_.linear(pool_, weights_.matrices[op.experts[e].gate_up.index], expert_x_.data(),
                    rows.size(), d, h, 2 * F);
    kernels_.silu_mul(pool_, rows.size(), F, h, 2 * F, h + F, 2 * F, h, 2 * F);
    kernels_.linear(pool_, weights_.matrices[op.experts[e].down.index], h, rows.size(), 2 * F,
                    expert_x_.data(), d);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      float* y = op.y.from(rows[i].row).floats();
      for (std::size_t j = 0; j < d; ++j) y[j] += rows[i].weight * expert_x_[i * d + j];
    }
  }
}

void CpuOps::append(const models::AppendOp& op) {
  const models::AttendingHeads& heads = op.heads;
  const std::size_t slot_bytes = kernels::slot_bytes(heads.K, heads.V);
  const std::uint64_t begin = op.position - op.cache.first_position;
  const std::uint32_t* head = at(heads.head);
  const bool decays = heads.a.data != nullptr;
  for (std::size_t i = 0; i < heads.slots; ++i) {
    const std::size_t shared = heads.heads / heads.slots, number = head[i * shared] / shared;
    const auto slot = [&](std::uint64_t place) {
      return op.cache.pages[place / kPageTokens] + op.cache.offset + i * slot_bytes;
    };
    // With no token left in sight any base will do: only differences are ever used.
    double cumulative =
        begin == 0 ? 0 : kernels::last_cumulative(slot(begin - 1), (begin - 1) % kPageTokens);
    for (std::size_t t = 0; t < op.tokens; ++t) {
      if (decays) cumulative += static_cast<double>(*heads.a.from(t, number).floats());
      kernels::write_slot(slot(begin + t), (begin + t) % kPageTokens, heads.K, heads.V,
                          heads.k.from(t, number * heads.K).floats(),
                          heads.v.from(t, number * heads.V).floats(), cumulative,
                          decays ? *heads.log_dt.from(t, number).floats() : 0);
    }
  }
}

void CpuOps::attend(const models::AttendOp& op) {
  const models::AttendingHeads& heads = op.heads;
  kernels_.attention(pool_, {.tokens = op.tokens,
                             .heads = heads.heads,
                             .head = at(heads.head),
                             .K = heads.K,
                             .V = heads.V,
                             .q = heads.q.floats(),
                             .ldq = heads.q.stride,
                             .query_scale = at(heads.query_scale),
                             .pages = op.cache.pages,
                             .page_count = op.cache.page_count,
                             .offset = op.cache.offset,
                             .first_position = op.cache.first_position,
                             .first_query = op.first_query,
                             .window = op.window,
                             .y = heads.y.floats(),
                             .ldy = heads.y.stride,
                             .key_bound = heads.key_bound ? at(*heads.key_bound) : nullptr,
                             .heads_per_key = heads.heads / heads.slots});
}

void CpuOps::copy(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

}  // namespace stateline::engine
