#include "kernels/causal_conv.h"

#include <cassert>
#include <cstring>

#include "kernels/cpu/simd.h"

namespace stateline::kernels::STATELINE_LEVEL {

CausalConv causal_conv;

namespace {

constexpr double kNsPerElement =
    0.6;  // measured on one core at 16 lanes; only the split depends on it

// The input of token t - width + 1 + tap, which may lie before this call.
const float* input(const CausalConvArguments& s, size_t t, size_t tap) {
  const size_t row = t + tap, before = s.width - 1;
  return row < before ? s.history + row * s.channels : s.x + (row - before) * s.ldx;
}

template <size_t W>
void convolve(const CausalConvArguments& s, size_t t) {
  const float* x[W];
  for (size_t tap = 0; tap < W; ++tap) x[tap] = input(s, t, tap);
  float* out = s.y + t * s.ldy;
  for_vectors(s.channels, [&](size_t c, size_t n) {
    Vec sum = s.bias == nullptr ? splat(0) : load_up_to(s.bias + c, n);
    STATELINE_UNROLL
    for (size_t tap = 0; tap < W; ++tap) {
      const float* weight = s.weight + tap * s.channels;
      sum = mul_add(load_up_to(weight + c, n), load_up_to(x[tap] + c, n), sum);
    }
    store_up_to(out + c, s.silu ? silu(sum) : sum, n);
  });
}

}  // namespace

void causal_conv(ThreadPool& pool, const CausalConvArguments& s) {
  assert(s.width >= 2 && s.width <= kConvWidth);
  const double cost = kNsPerElement * static_cast<double>(s.tokens * s.channels);
  const size_t blocks = pool.blocks_for(s.tokens, cost);
  const auto convolve_token = s.width == 4 ? convolve<4> : s.width == 3 ? convolve<3> : convolve<2>;
  pool.run(blocks, cost, [&](size_t block) {
    for (size_t t = s.tokens * block / blocks; t < s.tokens * (block + 1) / blocks; ++t)
      convolve_token(s, t);
  });
  for (size_t row = 0; row + 1 < s.width; ++row) {  // a row is read before it is overwritten
    std::memmove(s.history + row * s.channels, input(s, s.tokens, row), s.channels * sizeof(float));
  }
}

}  // namespace stateline::kernels::STATELINE_LEVEL
