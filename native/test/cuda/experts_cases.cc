#include <numeric>

#include "cases.h"
#include "kernels/cuda/experts.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

// Matrices of one shape, one an expert, and a table of them.
struct Matrices {
  Matrices(Random& random, const std::string& name, WeightFormat format, size_t count, size_t n,
           size_t k)
      : n(n), k(k) {
    std::vector<WeightMatrix> all;
    for (size_t e = 0; e < count; ++e) {
      std::vector<float> W = random.normals(n * k);
      for (float& w : W) w /= std::sqrt(static_cast<float>(k));
      const PackedWeights packed = pack_weights(format, W.data(), n, k);
      plain.push_back(unpack_weights(format, packed, n, k));
      values.push_back(std::make_unique<DeviceBuffer<std::byte>>(name, packed.values));
      scale.push_back(std::make_unique<DeviceBuffer<float>>(name + "'s scale", packed.scale));
      all.push_back({format, n, k, values.back()->data(), scale.back()->data(), nullptr});
    }
    table = std::make_unique<DeviceBuffer<WeightMatrix>>(name + "'s table", all);
  }
  double dot(size_t expert, size_t row, const std::vector<double>& x) const {
    return std::inner_product(x.begin(), x.end(), &plain[expert][row * k], 0.0);
  }

  size_t n, k;
  std::vector<std::vector<float>> plain;
  std::vector<std::unique_ptr<DeviceBuffer<std::byte>>> values;
  std::vector<std::unique_ptr<DeviceBuffer<float>>> scale;
  std::unique_ptr<DeviceBuffer<WeightMatrix>> table;
};

struct Choice {
  size_t expert;
  double weight;
};

std::vector<Choice> choose(const float* logits, size_t experts, size_t top_k, bool normalised) {
  std::vector<Choice> all;
  for (size_t e = 0; e < experts; ++e) all.push_back({e, std::exp(static_cast<double>(logits[e]))});
  std::stable_sort(all.begin(), all.end(),
                   [](const Choice& a, const Choice& b) { return a.weight > b.weight; });
  double sum = 0;
  for (size_t i = 0; i < (normalised ? top_k : experts); ++i) sum += all[i].weight;
  all.resize(top_k);
  for (Choice& choice : all) choice.weight /= sum;
  return all;
}

Outcome run(Random& random) {
  const size_t rows = size_up_to(random, 5), count = size_up_to(random, 70),
               top_k = std::min(count, size_up_to(random, 6)), d = size_up_to(random, 50),
               F = size_up_to(random, 40), ldl = stride_for(random, count),
               ldx = stride_for(random, d), ldy = stride_for(random, d);
  const bool normalised = random.integer(0, 1);
  const float scale = random.integer(0, 1) ? 1 : 0.22f;
  const auto format = random.integer(0, 1) ? WeightFormat::bf16 : WeightFormat::int8;
  const Matrices gate_up(random, "gate_up", format, count, 2 * F, d),
      down(random, "down", format, count, d, F);
  auto logits = random.normals(extent(rows, ldl, count));
  if (count > 1) logits[1] = logits[0];  // equals
  const auto x = bf16_normals(random, extent(rows, ldx, d)),
             start = random.normals(extent(rows, ldy, d));
  DeviceBuffer<float> device_logits("logits", logits), y("y", start);
  DeviceBuffer<bf16> device_x("x", narrow_all(x));
  DeviceBuffer<std::byte> workspace("workspace", experts_workspace_bytes(rows, top_k, F));
  experts(nullptr, {.rows = rows,
                    .experts = count,
                    .top_k = top_k,
                    .d = d,
                    .F = F,
                    .gate_up = gate_up.table->data(),
                    .down = down.table->data(),
                    .normalised = normalised,
                    .scale = scale,
                    .logits = device_logits.data(),
                    .ldl = ldl,
                    .x = device_x.data(),
                    .ldx = ldx,
                    .workspace = workspace.data(),
                    .y = y.data(),
                    .ldy = ldy});
  Outcome outcome;
  const auto actual = y.values();
  for (size_t t = 0; t < rows; ++t) {
    const std::vector<double> row(&x[t * ldx], &x[t * ldx] + d);
    std::vector<double> sum(&start[t * ldy], &start[t * ldy] + d);
    double size = 1;
    for (const Choice& choice : choose(&logits[t * ldl], count, top_k, normalised)) {
      std::vector<double> h(F);
      for (size_t f = 0; f < F; ++f) {
        const double gate = gate_up.dot(choice.expert, f, row);
        h[f] = gate / (1 + std::exp(-gate)) * gate_up.dot(choice.expert, F + f, row);
        size += std::fabs(h[f]) * choice.weight;
      }
      for (size_t n = 0; n < d; ++n)
        sum[n] += scale * choice.weight * down.dot(choice.expert, n, h);
    }
    for (size_t n = 0; n < d; ++n) outcome.compare(actual[t * ldy + n], sum[n], size / 128);
  }
  return outcome;
}

}  // namespace

std::vector<Case> experts_cases() { return {{"experts", run}}; }

}  // namespace stateline::kernels::cuda::testing
