// CUDA's words for g++, as far as the kernels use them; kernels/cuda/platform.cuh includes this
// where nvcc is not compiling. What a thread may wait for is in execution.h.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <source_location>

#include "execution.h"
#include "runtime.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define threadIdx (::emulated_device().thread_index)
#define blockIdx (::emulated_device().block_index)
#define blockDim (::emulated_device().block_dim)
#define gridDim (::emulated_device().grid_dim)
// The emulator's own functions are not the kernel's touches of memory.
#define STATELINE_UNSEEN __attribute__((no_sanitize("thread"), noinline))

STATELINE_UNSEEN inline stateline::emulator::Indices emulated_device() {
  return stateline::emulator::Device::get().indices;
}

using dim3 = stateline::emulator::Dim3;

struct alignas(8) uint2 {
  uint32_t x, y;
};
struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

STATELINE_UNSEEN inline void __syncthreads(
    std::source_location at = std::source_location::current()) {
  stateline::emulator::Device::get().block_barrier(at);
}

STATELINE_UNSEEN inline void __syncwarp(unsigned mask = ~0u,
                                        std::source_location at = std::source_location::current()) {
  stateline::emulator::Device::get().warp_barrier(mask, at);
}

// ---------------------------------------------------------------- shuffles

template <class T>
STATELINE_UNSEEN T emulated_shuffle(unsigned mask, T value, unsigned from,
                                    const std::source_location& at) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  using namespace stateline::emulator;
  Device& device = Device::get();
  ++device.shuffles;
  if (device.cross_lanes) from ^= 1;
  if (from >= kWarp || !(mask >> from & 1)) device.fail_lane(from, at);
  uint64_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  std::array<uint64_t, kWarp> all;
  device.exchange(mask, bits, all, at);
  __builtin_memcpy(&value, &all[from], sizeof(T));
  return value;
}

inline unsigned emulated_lane() { return threadIdx.x % stateline::emulator::kWarp; }

template <class T>
T __shfl_sync(unsigned mask, T value, unsigned from,
              std::source_location at = std::source_location::current()) {
  return emulated_shuffle(mask, value, from, at);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, unsigned bits,
                  std::source_location at = std::source_location::current()) {
  return emulated_shuffle(mask, value, emulated_lane() ^ bits, at);
}
// Lanes below `distance` keep their own value.
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance,
                 std::source_location at = std::source_location::current()) {
  const unsigned lane = emulated_lane();
  return emulated_shuffle(mask, value, lane < distance ? lane : lane - distance, at);
}

// ---------------------------------------------------------------- atomics

template <class T>
STATELINE_UNSEEN T atomicAdd(T* place, T value) {
  stateline::emulator::Device::get().touch_atomically(place, sizeof(T));
  const T before = *place;
  *place = before + value;
  return before;
}

// ---------------------------------------------------------------- arithmetic

inline float __expf(float x) { return std::exp(x); }
inline float __fdividef(float a, float b) { return a / b; }
// nvcc has it, and C only since C23.
inline void sincospif(float x, float* sine, float* cosine) {
  constexpr double kPi = 3.141592653589793;
  *sine = static_cast<float>(std::sin(kPi * x));
  *cosine = static_cast<float>(std::cos(kPi * x));
}
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
inline float __uint_as_float(uint32_t bits) { return std::bit_cast<float>(bits); }

namespace stateline::kernels::cuda {

template <class T>
T& shared_memory() {
  static_assert(alignof(T) <= 16);
  return *static_cast<T*>(emulator::Device::get().shared(sizeof(T)));
}

// To nearest, ties to even, as cvt.rn.bf16.f32.
inline uint32_t round_to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (value != value) return 0x7fff;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
inline uint32_t round_to_bf16x2(float low, float high) {
  return round_to_bf16(low) | round_to_bf16(high) << 16;
}

STATELINE_UNSEEN inline void multiply_accumulate(
    float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
    std::source_location at = std::source_location::current()) {
  emulator::Device::get().multiply({a, b, c}, at);
}

// ldmatrix: lanes 8 i .. 8 i + 7 give the rows (8 bf16 each) of matrix i; of each matrix a lane
// gets the pair at row lane / 4, columns lane % 4 * 2; transposed: at column lane / 4, rows lane %
// 4 * 2.
template <bool kTransposed, int kCount>
void load_matrices(uint32_t (&out)[kCount], const void* row,
                   std::source_location at = std::source_location::current()) {
  std::array<uint64_t, emulator::kWarp> rows;
  emulator::Device::get().exchange(~0u, reinterpret_cast<uint64_t>(row), rows, at);
  const unsigned group = emulated_lane() / 4, pair = emulated_lane() % 4 * 2;
  for (unsigned i = 0; i < kCount; ++i) {
    const auto element = [&](unsigned r, unsigned c) -> uint32_t {
      return reinterpret_cast<const uint16_t*>(rows[i * 8 + r])[c];
    };
    out[i] = kTransposed ? element(pair, group) | element(pair + 1, group) << 16
                         : element(group, pair) | element(group, pair + 1) << 16;
  }
}

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream,
            const Arguments&... arguments) {
  const auto call = [=]() __attribute__((no_sanitize("thread"))) { kernel(arguments...); };
  using Call = decltype(call);
  emulator::ask(stream, [grid, block, call] {
    emulator::Device::get().launch(
        grid, block, [](const void* context) __attribute__((no_sanitize("thread"))) {
          (*static_cast<Call*>(context))();
        },
        &call);
  });
}

}  // namespace stateline::kernels::cuda
