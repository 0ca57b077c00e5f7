/**
 * Published figures of four GPUs, dense rates, boost clocks. Sources: NVIDIA's A100 whitepaper (2020), Ada whitepaper
 * (2022, appendix A), H100 whitepaper (2022, tables 3 and 4), H200 datasheet (2024: an H100 with faster memory); limits of a
 * multiprocessor from the CUDA programming guide, "Compute Capabilities".
 */
export interface Gpu {
  readonly name: string;
  readonly target: string;
  readonly multiprocessors: number;
  readonly clockHz: number;
  readonly bytesPerSecond: number;
  /** bf16 products with f32 sums. */
  readonly tensorFlops: number;
  /** Share of that which mma.sync reaches: on Hopper the rest wants wgmma (arXiv 2402.13499, sec. 5). */
  readonly mmaShare: number;
  readonly warps: number;
  readonly blocks: number;
  readonly sharedBytes: number;
}

const H100: Gpu = {
  name: "H100 SXM",
  target: "sm_90",
  multiprocessors: 132,
  clockHz: 1.83e9,
  bytesPerSecond: 3.352e12,
  tensorFlops: 989.4e12,
  mmaShare: 0.62,
  warps: 64,
  blocks: 32,
  sharedBytes: 228 << 10,
};

export const GPUS: readonly Gpu[] = [
  {
    name: "A100 80 GB SXM",
    target: "sm_80",
    multiprocessors: 108,
    clockHz: 1.41e9,
    bytesPerSecond: 2.039e12,
    tensorFlops: 312e12,
    mmaShare: 1,
    warps: 64,
    blocks: 32,
    sharedBytes: 164 << 10,
  },
  {
    name: "RTX 4090",
    target: "sm_89",
    multiprocessors: 128,
    clockHz: 2.52e9,
    bytesPerSecond: 1.008e12,
    tensorFlops: 165.2e12,
    mmaShare: 1,
    warps: 48,
    blocks: 24,
    sharedBytes: 100 << 10,
  },
  H100,
  { ...H100, name: "H200 SXM", bytesPerSecond: 4.8e12 },
];

/** Of every multiprocessor of these. */
export const REGISTERS = 65536;
export const SHARED_BYTES_PER_CLOCK = 128;
export const LANES_PER_CLOCK = 128;
/** What the system keeps of shared memory for each block. */
export const RESERVED_SHARED = 1024;
/** From a load to its value in a busy GPU, seconds; measured values are 0.4 to 0.8 us (arXiv 2402.13499, table 4). */
export const MEMORY_LATENCY = 0.7e-6;
