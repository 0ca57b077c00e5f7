// A thread of a block as a fiber: a stack of its own, switched to and from by hand.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>

namespace stateline::emulator {

// Fibers are kept from launch to launch. ucontext enters one for the first time; later switches are
// _setjmp/_longjmp, which save no signal mask and so make no system call.
class Fiber {
 public:
  using Body = void (*)();

  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs `body` from its beginning, or goes on where it yielded; returns at the next yield() or
  // when the body has returned.
  void resume(Body body);
  // Gives control back to whoever resumed.
  void yield();
  // Forgets what it was in the midst of: the next resume() begins anew.
  void abandon() { entered_ = running_ = false; }

  bool finished() const { return !running_; }
  bool owns(uintptr_t address) const { return address - stack_ < kStackBytes; }

 private:
  static constexpr size_t kStackBytes = size_t{256} << 10;
  static void loop();
  void enter();

  uintptr_t stack_;
  Body body_ = nullptr;
  bool entered_ = false;  // its loop lives on its stack
  bool running_ = false;  // in the midst of a body
  std::jmp_buf here_;
  std::jmp_buf caller_;
};

}  // namespace stateline::emulator
