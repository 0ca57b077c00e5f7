// Rotary positions (RoFormer, arXiv 2104.09864, eq. 34) in the half-split order of Llama: the pairs
// are (i, i + width / 2).
#pragma once

#include <cstddef>
#include <cstdint>

namespace stateline::kernels {

constexpr double kRotaryBase = 10000;

// cosines, sines [tokens, width / 2] of position * base^(-2 i / width) for the positions from
// `first` on, in double until the end: at position 10^6 a float has no fraction of a turn left.
void rotary_angles(size_t tokens, uint64_t first, size_t width, float* cosines, float* sines,
                   double base = kRotaryBase);

// The first `width` of each head's head_dim coordinates (partial rotation where they are fewer) of
// x [tokens, heads, head_dim] stride ldx, in place: (a, b) -> (a cos - b sin, b cos + a sin).
using Rotate = void(size_t tokens, size_t heads, size_t head_dim, size_t width,
                    const float* cosines, const float* sines, float* x, size_t ldx);

namespace reference {
Rotate rotate;
}

}  // namespace stateline::kernels
