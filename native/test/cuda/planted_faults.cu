#include "planted_faults.cuh"

#include "kernels/cuda/warp.cuh"

namespace stateline::kernels::cuda::testing {

float memory_of_the_host = 1;  // no kernel may read it

namespace {

struct Shared {
  float turn[kPlantedThreads];
};

__global__ void planted_kernel(Plant plant, const float* x, float* y, int* count) {
  auto& shared = shared_memory<Shared>();
  const int i = static_cast<int>(threadIdx.x), last = kPlantedThreads - 1;
  if (plant == Plant::plain_count) {
    *count = *count + 1;
  } else {
    atomicAdd(count, 1);
  }
  if (blockIdx.x != 0 && plant != Plant::two_blocks) return;

  float value = x[i];
  if (plant == Plant::read_beyond) value = x[i + 1];
  if (plant == Plant::read_before) value = x[i - 1];
  if (plant == Plant::host_pointer) value += memory_of_the_host;
  if (plant == Plant::misaligned)
    value += *reinterpret_cast<const float*>(reinterpret_cast<uintptr_t>(x) + 2);
  if (plant == Plant::absent_lane)
    value = lane_index() < 16 ? __shfl_sync(0x0000ffffu, value, lane_index() + 8) : value;
  if (plant == Plant::own_lane_absent) value = __shfl_sync(0x0000ffffu, value, 0);

  if (plant != Plant::unwritten || i != 5) shared.turn[i] = value;
  if (plant == Plant::shared_beyond) *(&shared.turn[0] + i + 1) = value;
  if (plant == Plant::no_warp_barrier) {
    y[i] = __shfl_xor_sync(kAllLanes, value, 1);
    y[i] = shared.turn[i ^ 1];
  }
  if (plant == Plant::thread_leaves && i == 7) return;
  if (plant == Plant::barrier_in_branch) {
    if (i < 32) __syncthreads();
  } else if (plant != Plant::missing_barrier) {
    __syncthreads();  // all values are there before any is turned
  }
  value = shared.turn[last - i];
  if (plant != Plant::missing_second_barrier) __syncthreads();  // all are read before the next turn
  shared.turn[i] = value;
  __syncthreads();  // all values are there before any is turned again
  y[plant == Plant::same_place     ? 0
    : plant == Plant::write_beyond ? i + 1
                                   : i] = shared.turn[last - i];
}

}  // namespace

void planted(Plant plant, const float* x, float* y, int* count, int blocks) {
  launch(planted_kernel, dim3(static_cast<unsigned>(blocks)), dim3(kPlantedThreads), nullptr, plant,
         x, y, count);
}

}  // namespace stateline::kernels::cuda::testing
