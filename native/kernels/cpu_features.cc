#include "kernels/cpu_features.h"

#include <cstdint>

#if defined(_MSC_VER)
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace stateline::kernels {

#if defined(__x86_64__) || defined(_M_X64)
namespace {

struct Registers {
  uint32_t eax, ebx, ecx, edx;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r{};
#if defined(_MSC_VER)
  __cpuidex(reinterpret_cast<int*>(&r), static_cast<int>(leaf), static_cast<int>(subleaf));
#else
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
#endif
  return r;
}

// XCR0: which registers the operating system saves at a context switch.
uint64_t saved_registers() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
#endif
}

constexpr bool bit(uint64_t value, int index) { return (value >> index & 1) != 0; }

}  // namespace

CpuFeatures detect_cpu() {
  CpuFeatures cpu;
  if (cpuid(0, 0).eax < 7) return cpu;
  const Registers one = cpuid(1, 0);
  if (!bit(one.ecx, 27)) return cpu;  // osxsave
  const uint64_t saved = saved_registers();
  const Registers seven = cpuid(7, 0);
  const bool ymm = (saved & 0x06) == 0x06;
  const bool zmm = (saved & 0xe6) == 0xe6;
  const bool fma = bit(one.ecx, 12), f16c = bit(one.ecx, 29), avx = bit(one.ecx, 28);
  cpu.avx2 = ymm && avx && fma && f16c && bit(seven.ebx, 5);
  cpu.avxvnni = cpu.avx2 && seven.eax >= 1 && bit(cpuid(7, 1).eax, 4);
  const bool f = bit(seven.ebx, 16), dq = bit(seven.ebx, 17), bw = bit(seven.ebx, 30),
             vl = bit(seven.ebx, 31);
  cpu.avx512 = cpu.avx2 && zmm && f && dq && bw && vl;
  cpu.avx512vnni = cpu.avx512 && bit(seven.ecx, 11);
  return cpu;
}
#elif defined(__aarch64__) && defined(__linux__)
CpuFeatures detect_cpu() {
  constexpr unsigned long kDotProducts = 1ul << 20;  // HWCAP_ASIMDDP of asm/hwcap.h
  return {.neondot = (getauxval(AT_HWCAP) & kDotProducts) != 0};
}
#elif defined(__aarch64__) && defined(__APPLE__)
CpuFeatures detect_cpu() {
  int there = 0;
  size_t size = sizeof(there);
  const bool known = sysctlbyname("hw.optional.arm.FEAT_DotProd", &there, &size, nullptr, 0) == 0;
  return {.neondot = known && there != 0};
}
#else
CpuFeatures detect_cpu() { return {}; }
#endif

}  // namespace stateline::kernels
