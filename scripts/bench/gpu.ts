/**
 * ./dev bench:gpu: the embedded model on the first GPU and on the processor, one after the other, and each kernel beside what
 * the model of docs/benchmarks/cuda.md makes of it. Prints JSON.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseThreads } from "../../server/engine/threads.ts";
import { buildGpuProgram, TARGETS } from "../cuda/compile.ts";
import { compareWithModel, type MeasuredKernels } from "../cuda/measured.ts";
import type { Resources } from "../cuda/resources.ts";
import { ATTENDING, CACHED, LAGS, LAYER, READ } from "../cuda/workload.ts";
import { byRatio } from "./engine.ts";
import { loadModelForBench } from "./measure.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

async function measureEngine(device: "cpu" | "cuda:0") {
  const bench = await loadModelForBench(chooseThreads(0), device);
  const { info } = bench.model;
  const results = { device: info.device, threads: info.threads, byRatio: await byRatio(bench) };
  bench.model.dispose();
  return results;
}

async function measureKernels() {
  const { d, H, K, V, F, vocab } = LAYER;
  const program = await buildGpuProgram(root, TARGETS, "gpu_bench");
  const sizes = [d, H, K, V, F, vocab, READ, CACHED, ATTENDING, LAGS].map(String);
  const { stdout, status } = spawnSync(program, sizes, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`${program} failed with ${status}.`);
  const measured: MeasuredKernels = JSON.parse(stdout);
  const { resources }: { resources: Resources } = JSON.parse(
    readFileSync(join(root, "docs/benchmarks/cuda.json"), "utf8"),
  );
  return { gpu: measured.gpu, rows: compareWithModel(measured, resources) };
}

const kernels = await measureKernels();
const cpu = await measureEngine("cpu");
const gpu = await measureEngine("cuda:0");
const faster = gpu.byRatio.map((row, i) => ({
  hybridRatio: row.hybridRatio,
  read: row.readTokensPerSecond / (cpu.byRatio[i]?.readTokensPerSecond ?? Number.NaN),
  decode: row.decodeTokensPerSecond / (cpu.byRatio[i]?.decodeTokensPerSecond ?? Number.NaN),
}));
console.log(JSON.stringify({ kernels, engine: { cpu, gpu, faster } }));
