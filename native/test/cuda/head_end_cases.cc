#include "cases.h"
#include "kernels/cuda/head_end.cuh"

namespace stateline::kernels::cuda::testing {
namespace {

constexpr float kEps = 1e-5f;

// A layer's end and its numbers; some families have no skip, others no norm.
struct End {
  size_t rows, H, V, groups, width;
  bool gate_first;
  Activation f;
  size_t ldv, ldz, ldy;
  std::vector<float> D, weight, v, z, y;

  // `values` are normalised together: one or more heads' of at most max_V.
  End(Random& random, size_t max_V, bool all_together)
      : rows(size_up_to(random, 4)),
        H(size_up_to(random, 4)),
        V(size_up_to(random, max_V)),
        groups(all_together ? 1 : H),
        width(H * V),
        gate_first(random.integer(0, 1)),
        f(random.integer(0, 1) ? Activation::silu : Activation::sigmoid),
        ldv(stride_for(random, width)),
        ldz(stride_for(random, width)),
        ldy(stride_for(random, width)),
        D(random.normals(random.integer(0, 2) ? H : 0)),
        weight(random.normals(random.integer(0, 2) ? width : 0)),
        v(bf16_normals(random, D.empty() ? 0 : extent(rows, ldv, width))),
        z(bf16_normals(random, extent(rows, ldz, width))),
        y(bf16_normals(random, extent(rows, ldy, width))) {}

  double gate(size_t t, size_t i) const {
    const double x = z[t * ldz + i], share = 1 / (1 + std::exp(-x));
    return f == Activation::silu ? x * share : share;
  }
  double before_norm(size_t t, size_t i) const {
    const double skip = D.empty() ? 0 : static_cast<double>(D[i / V]) * v[t * ldv + i];
    const double value = static_cast<double>(y[t * ldy + i]) + skip;
    return gate_first ? value * gate(t, i) : value;
  }
  // What a group's values are divided by.
  double length(size_t t, size_t group) const {
    if (weight.empty()) return 1;
    const size_t values = width / groups;
    double squares = 0;
    for (size_t i = group * values; i < (group + 1) * values; ++i)
      squares += before_norm(t, i) * before_norm(t, i);
    return std::sqrt(squares / static_cast<double>(values) + static_cast<double>(kEps));
  }
};

Outcome run(Random& random, size_t max_V, bool all_together) {
  const End end(random, max_V, all_together);
  DeviceBuffer<float> D("D", end.D), weight("weight", end.weight);
  DeviceBuffer<bf16> v("v", narrow_all(end.v)), z("z", narrow_all(end.z)),
      y("y", narrow_all(end.y));
  end_heads(nullptr, {.rows = end.rows,
                      .heads = end.H,
                      .V = end.V,
                      .D = end.D.empty() ? nullptr : D.data(),
                      .v = v.data(),
                      .ldv = end.ldv,
                      .weight = end.weight.empty() ? nullptr : weight.data(),
                      .norm_groups = end.groups,
                      .eps = kEps,
                      .f = end.f,
                      .z = z.data(),
                      .ldz = end.ldz,
                      .gate_first = end.gate_first,
                      .y = y.data(),
                      .ldy = end.ldy});
  Outcome outcome;
  const auto actual = widen_all(y.values());
  for (size_t t = 0; t < end.rows; ++t) {
    for (size_t i = 0; i < end.width; ++i) {
      const double normed = end.before_norm(t, i) / end.length(t, i * end.groups / end.width);
      const double expected = normed *
                              (end.weight.empty() ? 1 : static_cast<double>(end.weight[i])) *
                              (end.gate_first ? 1 : end.gate(t, i));
      outcome.compare(actual[t * end.ldy + i], expected, (std::fabs(expected) + 0.01) / 128);
    }
  }
  return outcome;
}

}  // namespace

std::vector<Case> head_end_cases() {
  return {{"end_heads, a head", [](Random& r) { return run(r, 256, false); }},
          {"end_heads, all heads", [](Random& r) { return run(r, 200, true); }}};
}

}  // namespace stateline::kernels::cuda::testing
