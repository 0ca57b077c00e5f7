#include "engine/cuda_ops.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace stateline::engine {
namespace {

using kernels::kMaxDeviceKeyDim;
using kernels::kMaxDeviceValueDim;
using kernels::cuda::bf16;
using models::Activation;
using models::Cache;
using models::Rows;

bool narrow(Rows rows) { return rows.type == DType::kBF16; }
bool wide(Rows rows) { return rows.type == DType::kF32; }
bool dense(Rows rows, std::size_t width) { return wide(rows) && rows.stride == width; }
// Whether a head's tiles fit.
bool fits(std::size_t K, std::size_t V) { return K <= kMaxDeviceKeyDim && V <= kMaxDeviceValueDim; }

bf16* halves(Rows rows) { return reinterpret_cast<bf16*>(rows.data); }

kernels::cuda::PagedCache paged(const Cache& cache) {
  return {cache.pages, cache.offset, cache.first_position};
}

}  // namespace

CudaOps::CudaOps(CudaGpu gpu, std::string family, std::size_t max_rows)
    : gpu_(gpu), family_(std::move(family)), queue_(nullptr, {gpu}), tokens_(gpu, max_rows) {
  cuda::Queue* queue = nullptr;
  check(gpu.library->open_queue(gpu.gpu, &queue));
  queue_.reset(queue);
}

void CudaOps::begin(const CudaWeights& weights) {
  weights_ = &weights;
  ssd_workspace_ = CudaArray<float>(gpu_, ssd_floats_);
  attention_workspace_ = CudaArray<float>(gpu_, attention_floats_);
}

bool CudaOps::launches(bool has_kernel) const {
  if (!has_kernel)
    throw Error(ErrorCode::kDevice, "A model of the family " + family_ +
                                        " does not run on an NVIDIA GPU yet; it runs on the "
                                        "processor.");
  return weights_ != nullptr;
}

void CudaOps::embed(models::Matrix W, std::span<const std::int32_t> tokens, float scale, Rows x) {
  if (!launches(wide(x) && scale == 1)) return;
  launch(gpu_.library->embed,
         {(*weights_)[W], tokens.size(), tokens_.data(), x.floats(), x.stride});
}

void CudaOps::linear(const models::LinearOp& op) {
  if (!launches(narrow(op.x) && (wide(op.y) || (narrow(op.y) && !op.add)) && !op.bias &&
                op.scale == 1))
    return;
  launch(gpu_.library->linear, {.W = (*weights_)[op.W],
                                .m = op.rows,
                                .x = halves(op.x),
                                .ldx = op.x.stride,
                                .y = {.narrow = narrow(op.y) ? halves(op.y) : nullptr,
                                      .wide = wide(op.y) ? op.y.floats() : nullptr,
                                      .add = op.add,
                                      .ld = op.y.stride}});
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
  if (!launches(op.f == Activation::kSilu && op.up.data != nullptr && !op.one_gate &&
                narrow(op.gate) && narrow(op.up) && narrow(op.y)))
    return;
  launch(gpu_.library->gate, {op.rows, op.width, halves(op.gate), op.gate.stride, halves(op.up),
                              op.up.stride, halves(op.y), op.y.stride});
}

void CudaOps::end_heads(const models::HeadEndOp& op) {
  if (!launches(op.D && op.weight && op.norm_groups == op.heads && !op.gate_first &&
                op.f == Activation::kSigmoid && op.V <= kMaxDeviceValueDim && narrow(op.v) &&
                narrow(op.z) && narrow(op.y)))
    return;
  launch(gpu_.library->end_heads, {.rows = op.rows,
                                   .heads = op.heads,
                                   .V = op.V,
                                   .D = (*weights_)[*op.D],
                                   .v = halves(op.v),
                                   .ldv = op.v.stride,
                                   .weight = (*weights_)[*op.weight],
                                   .eps = op.eps,
                                   .z = halves(op.z),
                                   .ldz = op.z.stride,
                                   .y = halves(op.y),
                                   .ldy = op.y.stride});
}

void CudaOps::convolve(const models::ConvolveOp& op) {
  if (!launches(op.bias && narrow(op.x) && narrow(op.y))) return;
  assert(op.before != op.after);
  launch(gpu_.library->convolve, {.tokens = op.tokens,
                                  .channels = op.channels,
                                  .x = halves(op.x),
                                  .ldx = op.x.stride,
                                  .weight = (*weights_)[op.weight],
                                  .bias = (*weights_)[*op.bias],
                                  .history = op.before,
                                  .next_history = op.after,
                                  .y = halves(op.y),
                                  .ldy = op.y.stride});
}

void CudaOps::discretise(const models::DiscretiseOp& op) {
  const bool bounded = op.least > 0 || op.most < std::numeric_limits<float>::infinity();
  if (!launches(!bounded && op.log_dt.data != nullptr && narrow(op.u) && dense(op.dt, op.heads) &&
                dense(op.a, op.heads) && dense(op.log_dt, op.heads)))
    return;
  launch(gpu_.library->discretise,
         {op.rows, op.heads, halves(op.u), op.u.stride, (*weights_)[op.bias], (*weights_)[op.A_log],
          op.dt.floats(), op.a.floats(), op.log_dt.floats()});
}

void CudaOps::rotate(const models::RotateOp&) { launches(false); }

void CudaOps::recur(const models::RecurOp& op) {
  const models::StateHeads& h = op.heads;
  ssd_floats_ =
      std::max(ssd_floats_, gpu_.library->ssd_workspace_floats(op.tokens, h.heads, h.K, h.V));
  if (!launches(!h.delta && h.key_heads == h.all && fits(h.K, h.V) && narrow(h.q) && narrow(h.k) &&
                narrow(h.v) && wide(h.a) && wide(h.dt) && h.a.stride == h.dt.stride && narrow(h.y)))
    return;
  assert(ssd_floats_ == ssd_workspace_.count());
  launch(gpu_.library->recur, {.tokens = op.tokens,
                               .heads = h.heads,
                               .head = (*weights_)[h.head],
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
                               .ldy = h.y.stride});
}

// No layout of a GPU has a log; see CudaDevice::log_bytes.
void CudaOps::recur_log(const models::LogOp&) { launches(false); }
void CudaOps::fold(const models::FoldOp&) { launches(false); }

void CudaOps::append(const models::AppendOp& op) {
  const models::AttendingHeads& h = op.heads;
  if (!launches(h.slots == h.heads && h.a.data != nullptr && fits(h.K, h.V) && narrow(h.k) &&
                narrow(h.v) && wide(h.a) && wide(h.log_dt) && h.a.stride == h.log_dt.stride))
    return;
  launch(gpu_.library->append, {.tokens = op.tokens,
                                .heads = h.heads,
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
      std::max(attention_floats_, gpu_.library->attention_workspace_floats(h.heads));
  if (!launches(h.slots == h.heads && h.a.data != nullptr && fits(h.K, h.V) && narrow(h.q) &&
                narrow(h.y)))
    return;
  assert(attention_floats_ == attention_workspace_.count());
  launch(gpu_.library->attend, {.tokens = op.tokens,
                                .heads = h.heads,
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

void CudaOps::experts(const models::ExpertsOp&) { launches(false); }

void CudaOps::copy(void* to, const void* from, std::size_t bytes) {
  if (launches(true)) gpu_.copy(to, from, bytes);
}

}  // namespace stateline::engine
