// Device memory as the emulator knows it: which addresses exist, who touched each place last, and
// whether anything orders two touches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fault.h"

namespace stateline::emulator {

// Who touches memory, and when. `era` counts block barriers (and block starts) over the whole
// process, so it tells at once whether two touches are ordered; blocks run one after another.
struct Toucher {
  uint32_t block_begin;  // era in which this block began
  uint32_t era;
  uint32_t warp_era;  // counts __syncwarp of this warp
  uint16_t thread;    // in its block
  bool atomic;
};

// A buffer with a history for every 2 bytes; no kernel writes anything smaller.
class Region {
 public:
  Region(std::string name, const void* begin, size_t bytes);

  const std::string& name() const { return name_; }
  uintptr_t begin() const { return begin_; }
  uintptr_t end() const { return begin_ + bytes_; }

  // Everything was written by the host, or nothing by anyone.
  void set_written(bool written);
  // The host copies to it, or from it between launches; throws a Fault if nobody wrote what is
  // read.
  void write_by_host(uintptr_t address, size_t bytes);
  void read_by_host(uintptr_t address, size_t bytes) const;

  // Each returns what is wrong with the touch, if anything; `launch_begin` is the launch's first
  // era: what was touched before it is ordered.
  std::optional<Fault> read(uintptr_t address, size_t bytes, const Toucher& who,
                            uint32_t launch_begin);
  std::optional<Fault> write(uintptr_t address, size_t bytes, const Toucher& who,
                             uint32_t launch_begin);

 private:
  static constexpr size_t kGrain = 2;
  struct Touch {
    uint32_t era = 0;  // 0: none
    uint32_t warp_era = 0;
    uint16_t thread = 0;
    bool atomic = false;
  };
  // Two readers are enough to catch any writer: they are kept as far apart as possible (in two
  // blocks, else in two warps, else in two lanes), so no thread is ordered with both by chance.
  struct Place {
    Touch writer, reader[2];
    bool written = false;
  };

  static bool ordered(const Touch& before, const Toucher& now, uint32_t launch_begin);
  static void remember(Place& place, const Toucher& who);
  static int distance(const Touch& a, const Toucher& b);
  Fault race(const char* what, uintptr_t address, const Touch& other, const Toucher& who) const;

  std::string name_;
  uintptr_t begin_;
  size_t bytes_;
  std::vector<Place> places_;
};

// All buffers of the device, by address.
class Memory {
 public:
  Region& add(std::string name, const void* begin, size_t bytes);
  void remove(const void* begin);
  // The region that holds all the bytes, or null.
  Region* find(uintptr_t address, size_t bytes);
  // "4 bytes after the end of 'y'", for a fault's sentence.
  std::string nearest(uintptr_t address) const;

  static Memory& device();

  // What a test sets: buffers of this name end an element early, to see that it shows.
  std::string shortened;
  // All names that were added by hosts.
  std::set<std::string> names;

 private:
  std::map<uintptr_t, Region> regions_;
  Region* last_ = nullptr;
};

}  // namespace stateline::emulator
