// All that differs between nvcc and the emulator of the tests: the kernels contain no inline PTX
// and no launch syntax. Without nvcc, <cuda_emulator.h> (test/cuda/emulator) gives the same words.
#pragma once

#include "kernels/cuda/types.h"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_runtime.h>

namespace stateline::kernels::cuda {

// The block's shared memory, one object a kernel; at most 48 KiB, so that no launch needs an
// opt-in.
template <class T>
__device__ __forceinline__ T& shared_memory() {
  __shared__ T storage;
  return storage;
}

__device__ __forceinline__ uint32_t round_to_bf16(float value) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(value));
}
__device__ __forceinline__ uint32_t round_to_bf16x2(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

// c += a b, one 16 x 8 x 16 product of the warp (PTX ISA: mma.sync.m16n8k16).
__device__ __forceinline__ void multiply_accumulate(float (&c)[4], const uint32_t (&a)[4],
                                                    const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
      "{%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// 8 x 8 matrices of bf16 from shared memory; lanes 8 i ... 8 i + 7 give the rows of matrix i.
template <bool kTransposed, int kCount>
__device__ __forceinline__ void load_matrices(uint32_t (&out)[kCount], const void* row) {
  static_assert(kCount == 4);
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
  }
}

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream,
            const Arguments&... arguments) {
  kernel<<<grid, block, 0, stream>>>(arguments...);
}

}  // namespace stateline::kernels::cuda
#else
#include <cuda_emulator.h>
#endif
