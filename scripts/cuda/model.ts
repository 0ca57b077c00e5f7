/** A model of a kernel on a GPU: every resource works at its published rate, the scarcest rules. Not a measurement. */
import {
  type Gpu,
  LANES_PER_CLOCK,
  MEMORY_LATENCY,
  REGISTERS,
  RESERVED_SHARED,
  SHARED_BYTES_PER_CLOCK,
} from "./gpus.ts";
import type { KernelResources } from "./resources.ts";

/** What one launch does, counted from the kernel's source. */
export interface Launch {
  readonly kernel: string;
  readonly label: string;
  readonly threads: number;
  readonly blocks: number;
  /** Read and written, each place once: what the memory must move. */
  readonly bytes: number;
  /** Multiply-adds of the tensor cores, times two, that the task needs; and those that the tiles execute. */
  readonly flops?: number;
  readonly tileFlops?: number;
  /** Read and written in shared memory. */
  readonly sharedTraffic?: number;
  /** Instructions of single lanes, about. */
  readonly instructions: number;
  /** Bytes that a thread has asked for before it waits for the first. */
  readonly bytesInFlight: number;
}

export interface Modelled {
  /** Warps resident, of those the multiprocessor has room for. */
  readonly occupancy: number;
  readonly seconds: number;
  /** The time that the published roof allows, over the modelled time. */
  readonly roofShare: number;
  readonly roof: "bandwidth" | "tensor cores";
  readonly bound: string;
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Registers go to warps in units of 256, shared memory to blocks in units of 128 bytes (CUDA occupancy calculator). */
export function blocksPerMultiprocessor(gpu: Gpu, threads: number, used: KernelResources): number {
  const warps = threads / 32;
  const byRegisters = Math.floor(REGISTERS / (roundUp(used.registers * 32, 256) * warps));
  const byShared = Math.floor(gpu.sharedBytes / roundUp(used.sharedBytes + RESERVED_SHARED, 128));
  return Math.min(byRegisters, byShared, Math.floor(gpu.warps / warps), gpu.blocks);
}

export function modelLaunch(gpu: Gpu, launch: Launch, used: KernelResources): Modelled {
  const perMultiprocessor = blocksPerMultiprocessor(gpu, launch.threads, used);
  const resident = Math.min(launch.blocks, perMultiprocessor * gpu.multiprocessors);
  // Little's law: what is in flight must cover the latency.
  const inFlight = resident * launch.threads * launch.bytesInFlight;
  const moving = Math.min(1, inFlight / (gpu.bytesPerSecond * MEMORY_LATENCY));
  // Some multiprocessors have a block less than others, or none.
  const uneven = (Math.ceil(launch.blocks / gpu.multiprocessors) * gpu.multiprocessors) / launch.blocks;
  const clocks = gpu.multiprocessors * gpu.clockHz;
  const flops = launch.flops ?? 0;
  const times = {
    memory: launch.bytes / (gpu.bytesPerSecond * moving),
    "tensor cores": ((launch.tileFlops ?? flops) * uneven) / (gpu.tensorFlops * gpu.mmaShare),
    "shared memory": ((launch.sharedTraffic ?? 0) * uneven) / (clocks * SHARED_BYTES_PER_CLOCK),
    instructions: (launch.instructions * uneven) / (clocks * LANES_PER_CLOCK),
  };
  const seconds = Math.max(...Object.values(times));
  const roofs = { bandwidth: launch.bytes / gpu.bytesPerSecond, "tensor cores": flops / gpu.tensorFlops };
  const roof = roofs.bandwidth >= roofs["tensor cores"] ? "bandwidth" : "tensor cores";
  return {
    occupancy: (perMultiprocessor * launch.threads) / 32 / gpu.warps,
    seconds,
    roofShare: roofs[roof] / seconds,
    roof,
    bound: Object.entries(times).find(([, time]) => time === seconds)?.[0] ?? "",
  };
}
