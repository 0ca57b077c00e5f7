#include "engine/cpu_ops.h"

#include <cassert>
#include <cstring>

namespace stateline::engine {
namespace {

using kernels::kPageTokens;

// So few tokens are faster by the recurrence itself than by a chunk, which is made for 64.
constexpr std::size_t kSteppedTokens = 8;

}  // namespace

CpuOps::CpuOps(const Model& model, kernels::ThreadPool& pool, std::size_t max_rows)
    : plan_(model.plan()),
      weights_(model.weights()),
      kernels_(model.kernels()),
      pool_(pool),
      sum_(max_rows * model.plan().hidden_size) {}

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
  const kernels::PackedMatrix& W = weights_.matrices[op.W.index];
  assert(op.scale == 1 && !op.bias);
  if (!op.add) {
    kernels_.linear(pool_, W, op.x.floats(), op.rows, op.x.stride, op.y.floats(), op.y.stride);
    return;
  }
  kernels_.linear(pool_, W, op.x.floats(), op.rows, op.x.stride, sum_.data(), W.rows());
  kernels_.add(op.rows, W.rows(), sum_.data(), W.rows(), op.y.floats(), op.y.stride);
}

void CpuOps::norm(const models::NormOp& op) {
  kernels_.rms_norm(op.rows, op.groups, op.width, op.x.floats(), op.x.stride, at(op.weight), op.eps,
                    op.y.floats(), op.y.stride);
}

void CpuOps::gate(const models::GateOp& op) {
  const auto mul = op.f == models::Activation::kSilu ? kernels_.silu_mul : kernels_.sigmoid_mul;
  mul(pool_, op.rows, op.width, op.gate.floats(), op.gate.stride, op.up.floats(), op.up.stride,
      op.y.floats(), op.y.stride);
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
  kernels_.causal_conv(pool_, op.tokens, op.channels, op.x.floats(), op.x.stride, at(op.weight),
                       at(*op.bias), op.after, op.y.floats(), op.y.stride);
}

void CpuOps::discretise(const models::DiscretiseOp& op) {
  kernels_.discretise(op.rows, op.heads, op.u.floats(), op.u.stride, at(op.bias), at(op.A_log),
                      op.dt.floats(), op.a.floats(), op.log_dt.floats());
}

void CpuOps::rotate(const models::RotateOp&) { assert(false); }
void CpuOps::recur_log(const models::LogOp&) { assert(false); }
void CpuOps::fold(const models::FoldOp&) { assert(false); }
void CpuOps::experts(const models::ExpertsOp&) { assert(false); }

void CpuOps::recur(const models::RecurOp& op) {
  const models::StateHeads& heads = op.heads;
  const auto run = [&](std::size_t first, std::size_t tokens) {
    const kernels::SsdArguments arguments{.tokens = tokens,
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
                                          .state = op.state,
                                          .y = heads.y.from(first).floats(),
                                          .ldy = heads.y.stride};
    (tokens == 1 ? kernels_.ssd_step : kernels_.ssd_prefill)(pool_, arguments);
  };
  if (op.tokens > kSteppedTokens) return run(0, op.tokens);
  for (std::size_t t = 0; t < op.tokens; ++t) run(t, 1);
}

void CpuOps::append(const models::AppendOp& op) {
  const models::AttendingHeads& heads = op.heads;
  const std::size_t slot_bytes = kernels::slot_bytes(heads.K, heads.V);
  const std::uint64_t begin = op.position - op.cache.first_position;
  const std::uint32_t* head = at(heads.head);
  for (std::size_t i = 0; i < heads.slots; ++i) {
    const auto slot = [&](std::uint64_t place) {
      return op.cache.pages[place / kPageTokens] + op.cache.offset + i * slot_bytes;
    };
    // With no token left in sight any base will do: only differences are ever used.
    double cumulative =
        begin == 0 ? 0 : kernels::last_cumulative(slot(begin - 1), (begin - 1) % kPageTokens);
    for (std::size_t t = 0; t < op.tokens; ++t) {
      cumulative += static_cast<double>(*heads.a.from(t, head[i]).floats());
      kernels::write_slot(slot(begin + t), (begin + t) % kPageTokens, heads.K, heads.V,
                          heads.k.from(t, head[i] * heads.K).floats(),
                          heads.v.from(t, head[i] * heads.V).floats(), cumulative,
                          *heads.log_dt.from(t, head[i]).floats());
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
                             .key_bound = heads.key_bound ? at(*heads.key_bound) : nullptr});
}

void CpuOps::copy(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

}  // namespace stateline::engine
