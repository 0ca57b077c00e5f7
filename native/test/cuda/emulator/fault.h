// What a kernel does wrong: the emulator stops the launch at the first fault and throws it.
#pragma once

#include <stdexcept>
#include <string>

namespace stateline::emulator {

enum class FaultKind {
  race,           // two threads touch one place, one writes, nothing orders them
  out_of_bounds,  // an address that belongs to no buffer of the device
  uninitialised,  // a read of what nobody has written
  divergence,     // threads wait at different places, or for one that has left
  wrong_lane,     // a warp operation names a lane that does not take part
  launch,         // a grid that the device would refuse
  capture,        // what may not be asked while launches are captured
};

inline const char* name_of(FaultKind kind) {
  constexpr const char* names[] = {"race",       "out of bounds", "uninitialised", "divergence",
                                   "wrong lane", "launch",        "capture"};
  return names[static_cast<int>(kind)];
}

struct Fault : std::runtime_error {
  Fault(FaultKind fault_kind, const std::string& message)
      : std::runtime_error(std::string(name_of(fault_kind)) + ": " + message), kind(fault_kind) {}
  FaultKind kind;
};

}  // namespace stateline::emulator
