/** The model of the CUDA kernels' speed: occupancy, the scarcest resource, and that the committed table is its own. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { GPUS, MEMORY_LATENCY } from "../../scripts/cuda/gpus.ts";
import { blocksPerMultiprocessor, type Launch, modelLaunch } from "../../scripts/cuda/model.ts";
import { writeTable } from "../../scripts/cuda/table.ts";

const A100 = GPUS[0]!;
const plain = { registers: 32, spillBytes: 0, sharedBytes: 0 };

test("registers, shared memory, warps and blocks each limit what a multiprocessor holds", () => {
  const blocks = (threads: number, registers: number, sharedBytes: number): number =>
    blocksPerMultiprocessor(A100, threads, { registers, spillBytes: 0, sharedBytes });
  assert.equal(blocks(256, 32, 0), 8); // 64 warps
  assert.equal(blocks(32, 16, 0), 32); // 32 blocks
  assert.equal(blocks(128, 255, 0), 2); // 65536 registers
  assert.equal(blocks(128, 32, 40 << 10), 4); // 164 KiB, 41 a block
});

const copy: Launch = {
  kernel: "copy",
  label: "copy",
  threads: 256,
  blocks: 108 * 64,
  bytes: 1e9,
  instructions: 0,
  bytesInFlight: 16,
};

test("a kernel with enough in flight is bound by bandwidth, one with little by latency", () => {
  const full = modelLaunch(A100, copy, plain);
  assert.equal(full.bound, "memory");
  assert.equal(full.roofShare, 1);
  const single = modelLaunch(A100, { ...copy, blocks: 1 }, plain);
  assert.equal(single.seconds, (1e9 * MEMORY_LATENCY) / (256 * 16));
});

test("idle multiprocessors and wasted tiles cost tensor throughput", () => {
  const product = { ...copy, bytes: 0, flops: 1e12, tileFlops: 2e12, blocks: 108 };
  assert.equal(modelLaunch(A100, product, plain).roofShare, 0.5);
  const uneven = modelLaunch(A100, { ...product, blocks: 109 }, plain).roofShare;
  assert.ok(Math.abs(uneven - (0.5 * 109) / 216) < 1e-9);
});

test("docs/benchmarks/cuda.md is what the model makes of cuda.json and gpu.json", () => {
  const folder = new URL("../../docs/benchmarks/", import.meta.url);
  const read = (name: string) => JSON.parse(readFileSync(new URL(name, folder), "utf8"));
  const { resources } = read("cuda.json");
  assert.equal(
    readFileSync(new URL("cuda.md", folder), "utf8"),
    writeTable(resources, read("gpu.json").results.kernels),
    "run node scripts/cuda.ts --update where nvcc is, or --table anywhere",
  );
});
