/** What is read from nvcc's report, and when a change of it is a fault. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareResources, parseReport, type Resources, shortName } from "../../scripts/cuda/resources.ts";

const REPORT = `ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_ZN1a12scale_kernelILi64EEEvPf' for 'sm_80'
ptxas info    : Function properties for _ZN1a12scale_kernelILi64EEEvPf
    0 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads
ptxas info    : Used 38 registers, used 1 barriers, 1024 bytes smem, 360 bytes cmem[0]
ptxas info    : Compiling entry function '_ZN1a10add_kernelEPf' for 'sm_120'
ptxas info    : Function properties for _ZN1a10add_kernelEPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers
`;

test("registers, spills and shared memory of each kernel are read from the compiler's report", () => {
  assert.deepEqual(parseReport(REPORT), {
    sm_80: { "scale_kernel<64>": { registers: 38, spillBytes: 12, sharedBytes: 1024 } },
    sm_120: { add_kernel: { registers: 8, spillBytes: 0, sharedBytes: 0 } },
  });
});

test("a kernel is called by its name and what tells its instances apart", () => {
  for (const [demangled, name] of [
    ["a::(anonymous namespace)::scan_kernel(a::S)", "scan_kernel"],
    ["void a::k_kernel<a::Traits<64, 32> >(a::S)", "k_kernel<64, 32>"],
    [
      "void a::gemm_kernel<a::(anonymous namespace)::T<128, 64, 32>, (a::F)1>(a::S)",
      "gemm_kernel<128, 64, 32, 1>",
    ],
    ["void a::norm_kernel<float>(a::N<float>)", "norm_kernel<float>"],
    ["void a::norm_kernel<a::bf16>(a::N<a::bf16>)", "norm_kernel<bf16>"],
  ] as const) {
    assert.equal(shortName(demangled), name);
  }
});

const kernel = (registers: number, spillBytes = 0, sharedBytes = 0): Resources => ({
  sm_80: { k_kernel: { registers, spillBytes, sharedBytes } },
});

test("less is no fault; more registers, more shared memory, spills and strangers are", () => {
  assert.deepEqual(compareResources(kernel(40, 0, 64), kernel(32, 0, 32)), []);
  assert.match(compareResources(kernel(40), kernel(41)).join(), /takes 41 registers, it took 40/);
  assert.match(compareResources(kernel(40), kernel(40, 0, 8)).join(), /takes 8 bytes of shared memory/);
  assert.match(compareResources(kernel(40, 4), kernel(40, 4)).join(), /spills 4 bytes/);
  assert.match(compareResources({}, kernel(40)).join(), /only in the compiler's report/);
  assert.match(compareResources(kernel(40), {}).join(), /only in the committed file/);
});
