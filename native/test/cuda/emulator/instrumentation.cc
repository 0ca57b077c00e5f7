// The hooks that g++ -fsanitize=thread puts before every load and store of a kernel. The kernels
// are compiled with that flag but linked without its library: these are the hooks, so each touch of
// memory reaches Device::touch, whichever way the source writes it.
#include "execution.h"

namespace {

void touch(const void* address, std::size_t bytes, bool write) {
  stateline::emulator::Device::get().touch(reinterpret_cast<std::uintptr_t>(address), bytes, write);
}

}  // namespace

#define STATELINE_HOOKS(size)                                                      \
  void __tsan_read##size(void* address) { touch(address, size, false); }           \
  void __tsan_write##size(void* address) { touch(address, size, true); }           \
  void __tsan_unaligned_read##size(void* address) { touch(address, size, false); } \
  void __tsan_unaligned_write##size(void* address) { touch(address, size, true); }

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void*, void*) {}
void __tsan_vptr_read(void*) {}
STATELINE_HOOKS(1)
STATELINE_HOOKS(2)
STATELINE_HOOKS(4)
STATELINE_HOOKS(8)
STATELINE_HOOKS(16)
void __tsan_read_range(void* address, std::size_t bytes) { touch(address, bytes, false); }
void __tsan_write_range(void* address, std::size_t bytes) { touch(address, bytes, true); }
}
