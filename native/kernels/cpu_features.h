// What this x86 CPU and its operating system allow; all false elsewhere.
#pragma once

namespace stateline::kernels {

struct CpuFeatures {
  bool avx2 = false;        // with fma and f16c
  bool avxvnni = false;     // avx2 with vnni: Intel's processors for laptops since 2021
  bool avx512 = false;      // f, bw, dq, vl
  bool avx512vnni = false;  // avx512 with vnni
};

CpuFeatures detect_cpu();

}  // namespace stateline::kernels
