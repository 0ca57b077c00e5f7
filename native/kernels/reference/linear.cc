#include "kernels/linear.h"

#include <cmath>
#include <vector>

namespace stateline::kernels::reference {
namespace {

// The int8 road for one row: quantise, integer dot, scale back.
void quantised_row(const PackedMatrix& W, const float* x, float* y) {
  const size_t k = W.cols();
  float absmax = 0;
  for (size_t i = 0; i < k; ++i) absmax = std::fmax(absmax, std::fabs(x[i]));
  const float inverse = absmax > 0 ? 127.0f / absmax : 0.0f;
  std::vector<int32_t> quantised(k);
  for (size_t i = 0; i < k; ++i)
    quantised[i] = static_cast<int32_t>(std::nearbyint(x[i] * inverse));
  for (size_t n = 0; n < W.rows(); ++n) {
    const auto* panel = reinterpret_cast<const int8_t*>(W.panel(n / kPanelRows));
    int32_t dot = 0;
    for (size_t i = 0; i < k; ++i) {
      dot += quantised[i] * panel[(i / 4 * kPanelRows + n % kPanelRows) * 4 + i % 4];
    }
    y[n] = static_cast<float>(dot) * (absmax / 127.0f) * W.scale()[n];
  }
}

void float_row(const PackedMatrix& W, const float* x, std::vector<float>& row, float* y) {
  for (size_t n = 0; n < W.rows(); ++n) {
    W.copy_row(n, row.data());
    double sum = 0;
    for (size_t i = 0; i < W.cols(); ++i) sum += static_cast<double>(row[i]) * x[i];
    y[n] = static_cast<float>(sum);
  }
}

}  // namespace

void linear(ThreadPool&, const PackedMatrix& W, const float* x, size_t m, size_t ldx, float* y,
            size_t ldy) {
  std::vector<float> row(W.cols());
  for (size_t t = 0; t < m; ++t) {
    if (W.type() == WeightType::int8) {
      quantised_row(W, x + t * ldx, y + t * ldy);
    } else {
      float_row(W, x + t * ldx, row, y + t * ldy);
    }
  }
}

}  // namespace stateline::kernels::reference
