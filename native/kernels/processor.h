// Where a thread runs, and how it gets out of another's way.
#pragma once

namespace stateline::kernels {

// The logical processor that runs the calling thread; -1 where the system does not tell.
int current_processor();

// Moves the calling thread to any other processor that it was allowed to use when it first asked.
// False if there is no other, or the system has no such call.
bool leave_processor(int processor);

}  // namespace stateline::kernels
