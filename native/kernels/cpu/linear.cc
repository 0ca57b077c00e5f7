#include "kernels/linear.h"

#include <cassert>

#include "kernels/cpu/linear_blocks.h"
#include "kernels/cpu/linear_float.h"
#include "kernels/cpu/linear_int8.h"

namespace stateline::kernels::STATELINE_LEVEL {

Linear linear;

namespace {

// One core's rates on the machines we know: streaming weights from memory, and multiplying. Only
// the decision to split depends on them.
constexpr double kBytesPerNs = 45;
constexpr double kFlopsPerNs = 4.0 * kLanes;

double estimate_ns(const PackedMatrix& W, size_t m) {
  const double streaming = static_cast<double>(W.bytes()) / kBytesPerNs;
  const double multiplying = 2.0 * static_cast<double>(m * W.rows() * W.cols()) / kFlopsPerNs;
  return streaming > multiplying ? streaming : multiplying;
}

// Splits the panels over the pool, in groups that one tile covers.
template <class Product>
void run_panels(ThreadPool& pool, const PackedMatrix& W, size_t m, const Product& product) {
  const double cost = estimate_ns(W, m);
  const size_t group = m == 1 ? Product::kDecodePanels : Product::kPanels;
  const size_t groups = (W.panels() + group - 1) / group;
  const size_t blocks = pool.blocks_for(groups, cost);
  pool.run(blocks, cost, [&](size_t block) {
    const size_t begin = groups * block / blocks * group;
    const size_t end = smaller(groups * (block + 1) / blocks * group, W.panels());
    product.panels(begin, end);
  });
}

}  // namespace

void linear(ThreadPool& pool, const PackedMatrix& W, const float* x, size_t m, size_t ldx, float* y,
            size_t ldy, const LinearEpilogue& epilogue) {
  if (m == 0 || W.rows() == 0) return;
  const Output out(W, y, ldy, epilogue);
  const auto run = [&](const auto& product) { run_panels(pool, W, m, product); };
  switch (W.type()) {
    case DType::kF32:
      return run(FloatProduct<F32Weights>(pool, W, x, m, ldx, out));
    case DType::kBF16:
      return run(FloatProduct<Bf16Weights>(pool, W, x, m, ldx, out));
    case DType::kInt8:
      return run(Int8Product(pool, W, x, m, ldx, out));
    case DType::kQ8_0:
      return run(BlockProduct<Q8Dot>(pool, W, x, m, ldx, out));
    case DType::kQ4_0:
      return run(BlockProduct<Q4Dot>(pool, W, x, m, ldx, out));
    default:
      assert(false);
  }
}

}  // namespace stateline::kernels::STATELINE_LEVEL
