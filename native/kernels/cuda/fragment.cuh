// Matrix fragments: a 16 x 8 tile of an f32 sum and the bf16 tiles it is a product of, spread over
// a warp as mma.sync.m16n8k16 has them. Lane l owns rows l / 4 and l / 4 + 8 of the sum, columns l
// % 4 * 2 and the next.
#pragma once

#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda {

// Rows of a tile in shared memory are 16 bytes longer than they need be: eight rows of a matrix
// then lie in different banks, whatever the width (a multiple of 16).
constexpr int kRowPad = 8;

struct Sum {
  float c[4] = {0, 0, 0, 0};
  static __device__ __forceinline__ int row(int i) { return lane_index() / 4 + i / 2 * 8; }
  static __device__ __forceinline__ int col(int i) { return lane_index() % 4 * 2 + i % 2; }
};

// 16 rows x 16 of the inner dimension.
struct Left {
  uint32_t a[4];

  // tile[row][inner]
  template <int kStride>
  __device__ __forceinline__ void load(const bf16 (*tile)[kStride], int row, int inner) {
    const int lane = lane_index();
    load_matrices<false>(a, &tile[row + lane % 16][inner + lane / 16 * 8]);
  }
  // tile[inner][row]: the transpose of what is stored
  template <int kStride>
  __device__ __forceinline__ void load_transposed(const bf16 (*tile)[kStride], int row, int inner) {
    const int lane = lane_index();
    load_matrices<true>(a, &tile[inner + lane / 16 * 8 + lane % 8][row + lane / 8 % 2 * 8]);
  }
  // Two sums side by side, rounded, are the left factor of a next product without leaving their
  // registers (FlashAttention-2, arXiv 2307.08691, sec. 3).
  __device__ __forceinline__ void assign(const Sum& first, const Sum& second) {
    a[0] = round_to_bf16x2(first.c[0], first.c[1]);
    a[1] = round_to_bf16x2(first.c[2], first.c[3]);
    a[2] = round_to_bf16x2(second.c[0], second.c[1]);
    a[3] = round_to_bf16x2(second.c[2], second.c[3]);
  }
};

// 16 of the inner dimension x 16 columns, for two sums side by side.
struct Right {
  uint32_t b[4];

  // tile[col][inner]
  template <int kStride>
  __device__ __forceinline__ void load(const bf16 (*tile)[kStride], int inner, int col) {
    const int lane = lane_index();
    load_matrices<false>(b, &tile[col + lane / 16 * 8 + lane % 8][inner + lane / 8 % 2 * 8]);
  }
  // tile[inner][col]
  template <int kStride>
  __device__ __forceinline__ void load_transposed(const bf16 (*tile)[kStride], int inner, int col) {
    const int lane = lane_index();
    load_matrices<true>(b, &tile[inner + lane % 16][col + lane / 16 * 8]);
  }
};

// sums[0] and sums[1] are neighbours in columns.
__device__ __forceinline__ void multiply(Sum* sums, const Left& left, const Right& right) {
  multiply_accumulate(sums[0].c, left.a, {right.b[0], right.b[1]});
  multiply_accumulate(sums[1].c, left.a, {right.b[2], right.b[3]});
}

}  // namespace stateline::kernels::cuda
