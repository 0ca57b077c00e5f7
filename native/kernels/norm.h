// Root mean square normalisation (arXiv 1910.07467, eq. 4), for whole rows and for each head.
#pragma once

#include <cstddef>

namespace stateline::kernels {

// For every row t and group g: y = x / sqrt(mean(x^2) + eps) * weight, where
// x = x[t * ldx + g * width ...], weight [groups, width]. groups = 1 is the block's norm, groups =
// heads the one of q, k and the mixer's output. y may be x itself. |error| <= 2e-6 relative.
using RmsNorm = void(size_t rows, size_t groups, size_t width, const float* x, size_t ldx,
                     const float* weight, float eps, float* y, size_t ldy);

namespace reference {
RmsNorm rms_norm;
}

}  // namespace stateline::kernels
