#include "fiber.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <new>

namespace stateline::emulator {
namespace {

Fiber* entering = nullptr;  // hands `this` to a fiber's first frame

}  // namespace

Fiber::Fiber() {
  void* memory =
      mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stack_ = reinterpret_cast<uintptr_t>(memory);
}

Fiber::~Fiber() { munmap(reinterpret_cast<void*>(stack_), kStackBytes); }

void Fiber::loop() {
  Fiber& self = *entering;
  for (;;) {
    self.body_();
    self.running_ = false;
    self.yield();
  }
}

void Fiber::enter() {
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = reinterpret_cast<void*>(stack_);
  context.uc_stack.ss_size = kStackBytes;
  context.uc_link = nullptr;  // the loop never returns
  makecontext(&context, &Fiber::loop, 0);
  entering = this;
  entered_ = true;
  setcontext(&context);
}

void Fiber::resume(Body body) {
  if (!running_) body_ = body;
  running_ = true;
  if (_setjmp(caller_) != 0) return;
  if (entered_) _longjmp(here_, 1);
  enter();
}

void Fiber::yield() {
  if (_setjmp(here_) == 0) _longjmp(caller_, 1);
}

}  // namespace stateline::emulator
