// What host and device share: the 16-bit float of the activations, and its rounding on the host.
// The kernels' interfaces need no more than this, so that any compiler may include them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

// As CUDA's own headers declare it.
struct CUstream_st;
using cudaStream_t = CUstream_st*;

namespace stateline::kernels::cuda {

// The upper half of an f32. Storage only: kernels compute in f32 or hand pairs to the tensor cores.
struct bf16 {
  uint16_t bits;
};

inline float widen(bf16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

// To nearest, ties to even; for finite values.
inline bf16 narrow(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

// What a gate makes of its number.
enum class Activation { silu, sigmoid };

}  // namespace stateline::kernels::cuda
