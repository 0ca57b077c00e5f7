#include "engine/cuda_ops.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace stateline::engine {
namespace {

using kernels::cuda::bf16;
using kernels::cuda::WeightMatrix;
using models::Rows;

bool narrow(Rows rows) { return rows.type == DType::kBF16; }
bool wide(Rows rows) { return rows.type == DType::kF32; }
bool dense(Rows rows, std::size_t width) { return wide(rows) && rows.stride == width; }
bool fits(std::size_t K, std::size_t V) {
  return K <= kernels::kMaxKeyDim && V <= kernels::kMaxValueDim;
}

kernels::cuda::Activation activation(models::Activation f) {
  return f == models::Activation::kSilu ? kernels::cuda::Activation::silu
                                        : kernels::cuda::Activation::sigmoid;
}

bf16* halves(Rows rows) { return reinterpret_cast<bf16*>(rows.data); }

kernels::cuda::PagedCache paged(const models::Cache& cache) {
  return {cache.pages, cache.offset, cache.first_position};
}

}  // namespace

CudaOps::CudaOps(CudaGpu gpu, std::string family, std::size_t max_rows)
    : gpu_(gpu),
      family_(std::move(family)),
      queue_(nullptr, {gpu}),
      tokens_(gpu, max_rows),
      origin_(gpu, 1) {
  cuda::Queue* queue = nullptr;
  check(gpu.library->open_queue(gpu.gpu, &queue));
  queue_.reset(queue);
}

void CudaOps::begin(const CudaWeights& weights) {
  weights_ = &weights;
  ssd_workspace_ = CudaArray<float>(gpu_, ssd_floats_);
  attention_workspace_ = CudaArray<float>(gpu_, attention_floats_);
  experts_workspace_ = CudaArray<std::byte>(gpu_, experts_bytes_);
  for (auto& [first, tables] : expert_tables_) {
    std::vector<WeightMatrix> gate_up, down;
    for (const models::ExpertsOp::Expert& expert : tables.experts) {
      gate_up.push_back(weights[expert.gate_up]);
      down.push_back(weights[expert.down]);
    }
    tables.gate_up = {gpu_, std::span<const WeightMatrix>(gate_up)};
    tables.down = {gpu_, std::span<const WeightMatrix>(down)};
  }
}

bool CudaOps::launches(bool has_kernel) const {
  if (!has_kernel)
    throw Error(ErrorCode::kDevice, "A model of the family " + family_ +
                                        " does not run on an NVIDIA GPU yet; it runs on the "
                                        "processor.");
  return weights_ != nullptr;
}

void CudaOps::put_tokens(std::span<const std::int32_t> tokens, std::uint64_t origin) {
  gpu_.write(tokens_.data(), tokens);
  if (written_origin_ == origin) return;
  gpu_.write(origin_.data(), std::span<const std::uint64_t>(&origin, 1));
  written_origin_ = origin;
}

void CudaOps::embed(models::Matrix W, std::span<const std::int32_t> tokens, float scale, Rows x) {
  if (!launches(wide(x))) return;
  launch(gpu_.library->embed,
         {(*weights_)[W], tokens.size(), tokens_.data(), x.floats(), x.stride, scale});
}

void CudaOps::linear(const models::LinearOp& op) {
  if (!launches(narrow(op.x) && (wide(op.y) || (narrow(op.y) && !op.add)))) return;
  launch(gpu_.library->linear, {.W = (*weights_)[op.W],
                                .m = op.rows,
                                .x = halves(op.x),
                                .ldx = op.x.stride,
                                .y = {.narrow = narrow(op.y) ? halves(op.y) : nullptr,
                                      .wide = wide(op.y) ? op.y.floats() : nullptr,
                                      .add = op.add,
                                      .ld = op.y.stride},
                                .scale = op.scale,
                                .bias = at(op.bias)});
}

void CudaOps::norm(const models::NormOp& op) {
  if (!launches(narrow(op.y))) return;
  const auto with = [&](const auto* x) {
    return kernels::cuda::RmsNormArguments<std::remove_cvref_t<decltype(*x)>>{
        op.rows, op.groups,    op.width,   x, op.x.stride, (*weights_)[op.weight],
        op.eps,  halves(op.y), op.y.stride};
  };
  if (narrow(op.x)) return launch(gpu_.library->norm_bf16, with(halves(op.x)));
  launch(gpu_.library->norm_f32, with(op.x.floats()));
}

void CudaOps::gate(const models::GateOp& op) {
  if (!launches(narrow(op.gate) && (op.up.data == nullptr || narrow(op.up)))) return;
  launch(gpu_.library->gate, {.f = activation(op.f),
                              .rows = op.rows,
                              .width = op.width,
                              .gate = halves(op.gate),
                              .ldg = op.gate.stride,
                              .up = halves(op.up),
                              .ldu = op.up.stride,
                              .y = narrow(op.y) ? halves(op.y) : nullptr,
                              .wide_y = wide(op.y) ? op.y.floats() : nullptr,
                              .ldy = op.y.stride,
                              .one_gate = op.one_gate});
}

void CudaOps::end_heads(const models::HeadEndOp& op) {
  if (!launches((!op.D || narrow(op.v)) && narrow(op.z) && narrow(op.y))) return;
  launch(gpu_.library->end_heads, {.rows = op.rows,
                                   .heads = op.heads,
                                   .V = op.V,
                                   .D = at(op.D),
                                   .v = halves(op.v),
                                   .ldv = op.v.stride,
                                   .weight = at(op.weight),
                                   .norm_groups = op.norm_groups,
                                   .eps = op.eps,
                                   .f = activation(op.f),
                                   .z = halves(op.z),
                                   .ldz = op.z.stride,
                                   .gate_first = op.gate_first,
                                   .y = halves(op.y),
                                   .ldy = op.y.stride});
}

void CudaOps::convolve(const models::ConvolveOp& op) {
  if (!launches(narrow(op.x) && narrow(op.y))) return;
  assert(op.before != op.after);
  launch(gpu_.library->convolve, {.tokens = op.tokens,
                                  .channels = op.channels,
                                  .x = halves(op.x),
                                  .ldx = op.x.stride,
                                  .weight = (*weights_)[op.weight],
                                  .bias = at(op.bias),
                                  .history = op.before,
                                  .next_history = op.after,
                                  .y = halves(op.y),
                                  .ldy = op.y.stride});
}

void CudaOps::discretise(const models::DiscretiseOp& op) {
  if (!launches(narrow(op.u) && dense(op.dt, op.heads) && dense(op.a, op.heads) &&
                (op.log_dt.data == nullptr || dense(op.log_dt, op.heads))))
    return;
  launch(gpu_.library->discretise, {.rows = op.rows,
                                    .heads = op.heads,
                                    .u = halves(op.u),
                                    .ldu = op.u.stride,
                                    .bias = (*weights_)[op.bias],
                                    .A_log = (*weights_)[op.A_log],
                                    .dt = op.dt.floats(),
                                    .a = op.a.floats(),
                                    .log_dt = op.log_dt.floats(),
                                    .least = op.least,
                                    .most = op.most});
}

void CudaOps::rotate(const models::RotateOp& op) {
  if (!launches(narrow(op.x))) return;
  launch(gpu_.library->rotate, {.tokens = op.tokens,
                                .heads = op.heads,
                                .head_dim = op.head_dim,
                                .width = op.width,
                                .theta = op.theta,
                                .position = op.position,
                                .origin = origin_.data(),
                                .x = halves(op.x),
                                .ldx = op.x.stride});
}

void CudaOps::recur(const models::RecurOp& op) {
  const models::StateHeads& h = op.heads;
  if (!h.delta) {
    ssd_floats_ =
        std::max(ssd_floats_, gpu_.library->ssd_workspace_floats(op.tokens, h.heads, h.K, h.V));
  }
  if (!launches(fits(h.K, h.V) && narrow(h.q) && narrow(h.k) && narrow(h.v) && wide(h.a) &&
                wide(h.dt) && h.a.stride == h.dt.stride && narrow(h.y)))
    return;
  assert(ssd_floats_ == ssd_workspace_.count());
  launch(gpu_.library->recur, {.tokens = op.tokens,
                               .heads = h.heads,
                               .head = (*weights_)[h.head],
                               .heads_per_key = static_cast<std::uint32_t>(h.all / h.key_heads),
                               .K = h.K,
                               .V = h.V,
                               .q = halves(h.q),
                               .ldq = h.q.stride,
                               .k = halves(h.k),
                               .ldk = h.k.stride,
                               .v = halves(h.v),
                               .ldv = h.v.stride,
                               .a = h.a.floats(),
                               .dt = h.dt.floats(),
                               .lda = h.a.stride,
                               .scale = h.scale,
                               .state = op.state,
                               .next_state = op.state,
                               .workspace = ssd_workspace_.data(),
                               .y = halves(h.y),
                               .ldy = h.y.stride,
                               .delta = h.delta});
}

// No layout of a GPU has a log; see CudaDevice::log_bytes.
void CudaOps::recur_log(const models::LogOp&) { launches(false); }
void CudaOps::fold(const models::FoldOp&) { launches(false); }

void CudaOps::append(const models::AppendOp& op) {
  const models::AttendingHeads& h = op.heads;
  const bool decays = h.a.data != nullptr;
  if (!launches(fits(h.K, h.V) && narrow(h.k) && narrow(h.v) &&
                (!decays || (wide(h.a) && wide(h.log_dt) && h.a.stride == h.log_dt.stride))))
    return;
  launch(gpu_.library->append, {.tokens = op.tokens,
                                .slots = h.slots,
                                .heads_per_slot = h.heads / h.slots,
                                .head = (*weights_)[h.head],
                                .K = h.K,
                                .V = h.V,
                                .k = halves(h.k),
                                .ldk = h.k.stride,
                                .v = halves(h.v),
                                .ldv = h.v.stride,
                                .a = h.a.floats(),
                                .log_dt = h.log_dt.floats(),
                                .lda = h.a.stride,
                                .cache = paged(op.cache),
                                .position = op.position});
}

void CudaOps::attend(const models::AttendOp& op) {
  const models::AttendingHeads& h = op.heads;
  attention_floats_ =
      std::max(attention_floats_, gpu_.library->attention_workspace_floats(h.heads, h.K, h.V));
  if (!launches(fits(h.K, h.V) && narrow(h.q) && narrow(h.y))) return;
  assert(attention_floats_ == attention_workspace_.count());
  launch(gpu_.library->attend, {.tokens = op.tokens,
                                .heads = h.heads,
                                .heads_per_slot = h.heads / h.slots,
                                .head = (*weights_)[h.head],
                                .K = h.K,
                                .V = h.V,
                                .q = halves(h.q),
                                .ldq = h.q.stride,
                                .query_scale = (*weights_)[h.query_scale],
                                .cache = paged(op.cache),
                                .first_query = op.first_query,
                                .window = op.window,
                                .workspace = attention_workspace_.data(),
                                .y = halves(h.y),
                                .ldy = h.y.stride});
}

void CudaOps::experts(const models::ExpertsOp& op) {
  experts_bytes_ =
      std::max(experts_bytes_, gpu_.library->experts_workspace_bytes(op.rows, op.top_k, op.F));
  ExpertTables& tables = expert_tables_[op.experts.data()];
  tables.experts = op.experts;
  if (!launches(op.experts.size() <= kernels::cuda::kMaxExperts && wide(op.logits) &&
                narrow(op.x) && wide(op.y)))
    return;
  launch(gpu_.library->experts, {.rows = op.rows,
                                 .experts = op.experts.size(),
                                 .top_k = op.top_k,
                                 .d = (*weights_)[op.experts[0].down].n,
                                 .F = op.F,
                                 .gate_up = tables.gate_up.data(),
                                 .down = tables.down.data(),
                                 .normalised = op.normalised,
                                 .scale = op.scale,
                                 .logits = op.logits.floats(),
                                 .ldl = op.logits.stride,
                                 .x = halves(op.x),
                                 .ldx = op.x.stride,
                                 .workspace = experts_workspace_.data(),
                                 .y = op.y.floats(),
                                 .ldy = op.y.stride});
}

void CudaOps::copy(void* to, const void* from, std::size_t bytes) {
  if (launches(true)) gpu_.copy(to, from, bytes);
}

}  // namespace stateline::engine
