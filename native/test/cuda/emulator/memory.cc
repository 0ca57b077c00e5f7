#include "memory.h"

namespace stateline::emulator {
namespace {

constexpr uint16_t kWarp = 32;

}  // namespace

Region::Region(std::string name, const void* begin, size_t bytes)
    : name_(std::move(name)),
      begin_(reinterpret_cast<uintptr_t>(begin)),
      bytes_(bytes),
      places_((bytes + kGrain - 1) / kGrain) {}

void Region::set_written(bool written) {
  for (Place& place : places_) {
    place = Place{};
    place.written = written;
  }
}

void Region::write_by_host(uintptr_t address, size_t bytes) {
  const size_t end = (address + bytes - 1 - begin_) / kGrain;
  for (size_t i = (address - begin_) / kGrain; i <= end; ++i) {
    places_[i] = Place{};
    places_[i].written = true;
  }
}

void Region::read_by_host(uintptr_t address, size_t bytes) const {
  const size_t end = (address + bytes - 1 - begin_) / kGrain;
  for (size_t i = (address - begin_) / kGrain; i <= end; ++i) {
    if (places_[i].written) continue;
    throw Fault(FaultKind::uninitialised, "the host reads byte " + std::to_string(i * kGrain) +
                                              " of '" + name_ + "', which nobody has written");
  }
}

bool Region::ordered(const Touch& before, const Toucher& now, uint32_t launch_begin) {
  if (before.era < launch_begin) return true;       // another launch, or none
  if (before.atomic && now.atomic) return true;     // atomics never race with each other
  if (before.era < now.block_begin) return false;   // another block of this launch
  if (before.era < now.era) return true;            // a barrier of this block lies between
  if (before.thread == now.thread) return true;     // program order
  if (before.thread / kWarp != now.thread / kWarp)  // another warp
    return false;
  return before.warp_era < now.warp_era;  // a __syncwarp lies between
}

Fault Region::race(const char* what, uintptr_t address, const Touch& other,
                   const Toucher& who) const {
  const bool elsewhere = other.era < who.block_begin;
  return {FaultKind::race, "thread " + std::to_string(who.thread) + " " + what + " byte " +
                               std::to_string(address - begin_) + " of '" + name_ +
                               "', which thread " + std::to_string(other.thread) +
                               (elsewhere ? " of another block" : "") +
                               " touched with nothing between to order them"};
}

// 3: in different blocks, 2: in different warps, 1: in different lanes, 0: the same thread.
int Region::distance(const Touch& a, const Toucher& b) {
  if (a.era < b.block_begin) return 3;
  if (a.thread / kWarp != b.thread / kWarp) return 2;
  return a.thread != b.thread ? 1 : 0;
}

void Region::remember(Place& place, const Toucher& who) {
  const Touch now{who.era, who.warp_era, who.thread, who.atomic};
  Touch &first = place.reader[0], &second = place.reader[1];
  const auto useless = [&](const Touch& touch) {  // ordered before whatever comes
    if (touch.era == 0) return true;
    if (touch.era >= who.block_begin && touch.era < who.era) return true;
    return touch.era == who.era && touch.thread / kWarp == who.thread / kWarp &&
           touch.warp_era < who.warp_era;
  };
  if (distance(first, who) == 0 || useless(first)) {
    first = now;
  } else if (distance(second, who) == 0 || useless(second)) {
    second = now;
  } else if (first.era >= who.block_begin && second.era >= who.block_begin &&
             first.thread / kWarp == second.thread / kWarp) {
    second = now;  // both were in one warp: the newcomer is at least as far from the first
  }
}

std::optional<Fault> Region::read(uintptr_t address, size_t bytes, const Toucher& who,
                                  uint32_t launch_begin) {
  const size_t end = (address + bytes - 1 - begin_) / kGrain;
  for (size_t i = (address - begin_) / kGrain; i <= end; ++i) {
    Place& place = places_[i];
    if (!place.written) {
      return Fault(FaultKind::uninitialised, "thread " + std::to_string(who.thread) +
                                                 " reads byte " + std::to_string(i * kGrain) +
                                                 " of '" + name_ + "', which nobody has written");
    }
    if (!ordered(place.writer, who, launch_begin)) return race("reads", address, place.writer, who);
    for (Touch& touch : place.reader)
      if (touch.era < launch_begin) touch = Touch{};  // earlier launches say nothing
    remember(place, who);
  }
  return {};
}

std::optional<Fault> Region::write(uintptr_t address, size_t bytes, const Toucher& who,
                                   uint32_t launch_begin) {
  const size_t end = (address + bytes - 1 - begin_) / kGrain;
  for (size_t i = (address - begin_) / kGrain; i <= end; ++i) {
    Place& place = places_[i];
    for (const Touch& touch : {place.writer, place.reader[0], place.reader[1]}) {
      if (!ordered(touch, who, launch_begin)) return race("writes", address, touch, who);
    }
    place.reader[0] = place.reader[1] = Touch{};
    place.writer = {who.era, who.warp_era, who.thread, who.atomic};
    place.written = true;
  }
  return {};
}

Memory& Memory::device() {
  static Memory memory;
  return memory;
}

Region& Memory::add(std::string name, const void* begin, size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(begin);
  return regions_.insert_or_assign(address, Region(std::move(name), begin, bytes)).first->second;
}

void Memory::remove(const void* begin) {
  last_ = nullptr;
  regions_.erase(reinterpret_cast<uintptr_t>(begin));
}

Region* Memory::find(uintptr_t address, size_t bytes) {
  const auto holds = [&](const Region& region) {
    return address >= region.begin() && address + bytes <= region.end();
  };
  if (last_ && holds(*last_)) return last_;
  auto after = regions_.upper_bound(address);
  if (after == regions_.begin()) return nullptr;
  Region& region = std::prev(after)->second;
  if (!holds(region)) return nullptr;
  last_ = &region;
  return last_;
}

std::string Memory::nearest(uintptr_t address) const {
  const Region* best = nullptr;
  uintptr_t least = UINTPTR_MAX;
  bool behind = false;
  for (const auto& [begin, region] : regions_) {
    const uintptr_t before = begin - address, after = address - (region.end() - 1);
    if (address < begin && before < least) best = &region, least = before, behind = false;
    if (address >= begin && after < least) best = &region, least = after, behind = true;
  }
  if (!best || least > (size_t{1} << 20)) return "an address far from every buffer";
  return std::to_string(least) + " bytes " + (behind ? "after the last of '" : "before '") +
         best->name() + "'";
}

}  // namespace stateline::emulator
