// The emulated GPU's library and machine, for tests that change the machine.
#pragma once

#include "cuda/library.h"
#include "runtime.h"

extern "C" const stateline::cuda::Library* stateline_cuda_library();

namespace stateline::testing {

using emulator::Machine;

inline const cuda::Library& library() { return *stateline_cuda_library(); }

// Puts back what a test may set.
struct MachineGuard {
  Machine before = Machine::get();
  ~MachineGuard() {
    Machine& machine = Machine::get();
    machine.driver = before.driver;
    machine.gpus = before.gpus;
    machine.major = before.major;
    machine.memory_bytes = before.memory_bytes;
    machine.lost = before.lost;
    machine.refuses_capture = before.refuses_capture;
    machine.launches_oldest_graph = before.launches_oldest_graph;
    machine.omitted_copy = before.omitted_copy;
  }
};

}  // namespace stateline::testing
