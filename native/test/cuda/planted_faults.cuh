// Small kernels that are right, or wrong in one way: what the emulator must let pass and must
// catch.
#pragma once

#include "kernels/cuda/platform.cuh"

namespace stateline::kernels::cuda::testing {

constexpr int kPlantedThreads = 64;

enum class Plant {
  nothing,
  missing_barrier,         // reads what another thread has yet to write
  missing_second_barrier,  // overwrites what another thread has yet to read
  barrier_in_branch,       // half of the threads wait for the others in vain
  thread_leaves,           // a thread returns before the barrier
  no_warp_barrier,         // lanes hand over through memory with only a shuffle between
  read_beyond,             // a global buffer's end
  write_beyond,
  read_before,      // its beginning
  shared_beyond,    // the block's shared memory
  host_pointer,     // memory that is not the device's
  misaligned,       // a float at an odd address
  unwritten,        // shared memory that nobody wrote
  absent_lane,      // a shuffle from a lane outside the mask
  own_lane_absent,  // a shuffle whose mask leaves out the caller
  same_place,       // all threads write one place
  two_blocks,       // two blocks write one place
  plain_count,      // counting without atomics
};

// y [kPlantedThreads] = x reversed, through shared memory, twice over (so y = x); count [1] counts
// the threads of all blocks. Fills y from the block 0 only.
void planted(Plant plant, const float* x, float* y, int* count, int blocks);

}  // namespace stateline::kernels::cuda::testing
