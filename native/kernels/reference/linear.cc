#include "kernels/linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "tensors/half.h"

namespace stateline::kernels::reference {
namespace {

// What k activations are rounded to: integers in [-127, 127] and the size of a step.
struct Quantised {
  std::vector<int32_t> steps;
  float scale;
};

Quantised quantise(const float* x, size_t k, float least) {
  float absmax = 0;
  for (size_t i = 0; i < k; ++i) absmax = std::fmax(absmax, std::fabs(x[i]));
  const float inverse = absmax > 0 && absmax >= least ? 127.0f / absmax : 0.0f;
  Quantised q{std::vector<int32_t>(k), absmax / 127.0f};
  for (size_t i = 0; i < k; ++i) q.steps[i] = static_cast<int32_t>(std::nearbyint(x[i] * inverse));
  return q;
}

// kInt8 for one row of x.
void quantised_row(const PackedMatrix& W, const float* x, float* sums) {
  const size_t k = W.cols();
  const Quantised q = quantise(x, k, 0);
  for (size_t n = 0; n < W.rows(); ++n) {
    const auto* panel = reinterpret_cast<const int8_t*>(W.panel(n / kPanelRows));
    int32_t dot = 0;
    for (size_t i = 0; i < k; ++i)
      dot += q.steps[i] * panel[(i / 4 * kPanelRows + n % kPanelRows) * 4 + i % 4];
    sums[n] = static_cast<float>(dot) * q.scale * W.scale()[n];
  }
}

int32_t block_weight(const PackedMatrix& W, const std::byte* panel, size_t r, size_t col) {
  const std::byte* weights = panel + W.scales_bytes();
  const size_t within = col % kBlockValues, block = col / kBlockValues;
  if (W.type() == DType::kQ8_0)
    return static_cast<int32_t>(weights[(col / 4 * kPanelRows + r) * 4 + col % 4]) - 128;
  const size_t unit = block * 4 + within % 16 / 4;
  const auto two = static_cast<int32_t>(weights[(unit * kPanelRows + r) * 4 + col % 4]);
  return (within < 16 ? two & 15 : two >> 4) - 8;
}

// kQ8_0 and kQ4_0 for one row of x.
void blocks_row(const PackedMatrix& W, const float* x, float* sums) {
  std::vector<double> totals(W.rows());
  for (size_t begin = 0; begin < W.cols(); begin += kBlockValues) {
    const size_t count = std::min(kBlockValues, W.cols() - begin);
    const Quantised q = quantise(x + begin, count, 1e-30f);
    for (size_t n = 0; n < W.rows(); ++n) {
      const std::byte* panel = W.panel(n / kPanelRows);
      const size_t r = n % kPanelRows;
      int32_t dot = 0;
      for (size_t i = 0; i < count; ++i) dot += q.steps[i] * block_weight(W, panel, r, begin + i);
      uint16_t half;
      std::memcpy(&half, panel + (begin / kBlockValues * kPanelRows + r) * 2, sizeof(half));
      totals[n] += static_cast<double>(dot) * q.scale * f32_from_f16(half);
    }
  }
  for (size_t n = 0; n < W.rows(); ++n) sums[n] = static_cast<float>(totals[n]);
}

void float_row(const PackedMatrix& W, const float* x, float* sums) {
  std::vector<float> row(W.cols());
  for (size_t n = 0; n < W.rows(); ++n) {
    W.copy_row(n, row.data());
    double sum = 0;
    for (size_t i = 0; i < W.cols(); ++i) sum += static_cast<double>(row[i]) * x[i];
    sums[n] = static_cast<float>(sum);
  }
}

}  // namespace

void linear(ThreadPool&, const PackedMatrix& W, const float* x, size_t m, size_t ldx, float* y,
            size_t ldy, const LinearEpilogue& epilogue) {
  const bool blocks = W.type() == DType::kQ8_0 || W.type() == DType::kQ4_0;
  const auto row = W.type() == DType::kInt8 ? quantised_row : blocks ? blocks_row : float_row;
  std::vector<float> sums(W.rows());
  for (size_t t = 0; t < m; ++t) {
    row(W, x + t * ldx, sums.data());
    for (size_t n = 0; n < W.rows(); ++n) {
      float value = sums[n] * epilogue.scale;
      if (epilogue.bias) value += epilogue.bias[n];
      y[t * ldy + n] = epilogue.add ? y[t * ldy + n] + value : value;
    }
  }
}

}  // namespace stateline::kernels::reference
