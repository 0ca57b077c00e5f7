// Preloaded into a process (LD_PRELOAD): no thread starts while STATELINE_REFUSE_THREADS is set,
// except the first so many. For the tests of what happens where a system has no thread left.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

extern "C" __attribute__((visibility("default"))) int pthread_create(
    pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
  static std::atomic<int> started{0};
  const char* allowed = std::getenv("STATELINE_REFUSE_THREADS");
  if (allowed != nullptr && started.fetch_add(1) >= std::atoi(allowed)) return EAGAIN;
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, run, argument);
}
