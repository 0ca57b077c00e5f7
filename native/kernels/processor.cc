#include "kernels/processor.h"

#if defined(__linux__)
#include <sched.h>
#elif defined(_WIN32)
#include <windows.h>
#endif

namespace stateline::kernels {

#if defined(__linux__)

int current_processor() { return sched_getcpu(); }

bool leave_processor(int processor) {
  thread_local cpu_set_t allowed;
  thread_local bool known = false;
  if (!known && sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return false;
  known = true;
  cpu_set_t others = allowed;
  CPU_CLR(static_cast<size_t>(processor), &others);
  return CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof(others), &others) == 0;
}

#elif defined(_WIN32)

int current_processor() { return static_cast<int>(GetCurrentProcessorNumber()); }
bool leave_processor(int) {
  return false;
}  // Windows keeps ready threads of one process apart itself

#else

int current_processor() { return -1; }
bool leave_processor(int) { return false; }

#endif

}  // namespace stateline::kernels
