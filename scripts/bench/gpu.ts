/**
 * ./dev bench:gpu: the embedded model on the first GPU and on the processor, one after the other, and each kernel by itself.
 * Prints JSON; scripts/cuda.ts --table then puts the kernels beside their model.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { chooseThreads } from "../../server/engine/threads.ts";
import { buildGpuProgram, TARGETS } from "../cuda/compile.ts";
import type { MeasuredKernels } from "../cuda/measured.ts";
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

async function measureKernels(): Promise<MeasuredKernels> {
  const { d, H, K, V, F, vocab } = LAYER;
  const program = await buildGpuProgram(root, TARGETS, "gpu_bench");
  const sizes = [d, H, K, V, F, vocab, READ, CACHED, ATTENDING, LAGS].map(String);
  const { stdout, status } = spawnSync(program, sizes, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`${program} failed with ${status}.`);
  return JSON.parse(stdout);
}

async function measure() {
  const kernels = await measureKernels();
  const cpu = await measureEngine("cpu");
  return { kernels, engine: { cpu, gpu: await measureEngine("cuda:0") } };
}

export type GpuResults = Awaited<ReturnType<typeof measure>>;

if (import.meta.main) console.log(JSON.stringify(await measure()));
