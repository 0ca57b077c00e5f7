/**
 * ./dev test:cuda, second half: compiles the CUDA kernels for every target and compares what they take with
 * docs/benchmarks/cuda.json; --update writes that file and the table beside it instead, --table only the table, from that
 * file and gpu.json as they are. --library links the library that the engine loads (./dev build --cuda),
 * --test runs the kernels' cases on this machine's GPU, after --library (./dev test:gpu).
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildGpuProgram, compileSources, linkLibrary, nvccVersion, TARGETS } from "./cuda/compile.ts";
import type { MeasuredKernels } from "./cuda/measured.ts";
import { compareResources, type Resources } from "./cuda/resources.ts";
import { writeTable } from "./cuda/table.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "docs", "benchmarks");
const file = join(folder, "cuda.json");
const update = process.argv.includes("--update");

interface Committed {
  readonly command: string;
  readonly nvcc: string;
  readonly resources: Resources;
}

function writeTableOf(resources: Resources): void {
  const { results }: { results: { kernels: MeasuredKernels } } = JSON.parse(
    readFileSync(join(folder, "gpu.json"), "utf8"),
  );
  writeFileSync(join(folder, "cuda.md"), writeTable(resources, results.kernels));
}
const readCommitted = (): Committed => JSON.parse(readFileSync(file, "utf8"));

if (process.argv.includes("--table")) {
  writeTableOf(readCommitted().resources);
  process.exit(0);
}
const version = nvccVersion();
if (version === undefined) {
  console.log("nvcc is not installed: the CUDA kernels were not compiled for GPUs.\n# skipped 1");
  process.exit(update || process.argv.includes("--library") ? 1 : 0);
}
if (process.argv.includes("--test")) {
  const { status } = spawnSync(await buildGpuProgram(root, TARGETS, "gpu_test"), { stdio: "inherit" });
  process.exit(status ?? 1);
}
const resources = await compileSources(root, TARGETS);
if (process.argv.includes("--library")) {
  const library = join(root, "dist", "native", "stateline_cuda.so");
  await linkLibrary(root, TARGETS, library);
  console.log(`${library} is built (nvcc ${version}).`);
  if (!update) process.exit(0);
}
if (update) {
  const record: Committed = { command: "node scripts/cuda.ts --update", nvcc: version, resources };
  writeFileSync(file, `${JSON.stringify(record, null, 1)}\n`);
  writeTableOf(resources);
  console.log("docs/benchmarks/cuda.json and cuda.md are written.");
} else {
  const committed = readCommitted();
  const faults = compareResources(committed.resources, resources);
  for (const fault of faults) console.log(fault);
  if (faults.length > 0 && committed.nvcc !== version)
    console.log(`The committed figures are of nvcc ${committed.nvcc}, these of ${version}.`);
  console.log(`# pass ${faults.length === 0 ? 1 : 0}\n# fail ${faults.length}`);
  process.exit(faults.length > 0 ? 1 : 0);
}
