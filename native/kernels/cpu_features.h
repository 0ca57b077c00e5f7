// What this processor and its operating system allow.
#pragma once

namespace stateline::kernels {

struct CpuFeatures {
  bool avx2 = false;        // with fma and f16c
  bool avxvnni = false;     // avx2 with vnni: Intel's processors for laptops since 2021
  bool avx512 = false;      // f, bw, dq, vl
  bool avx512vnni = false;  // avx512 with vnni
  bool neondot = false;     // AArch64 with sdot: most processors since 2018, all of Apple's
};

CpuFeatures detect_cpu();

}  // namespace stateline::kernels
