/** Compiles native/kernels/cuda with nvcc for every target and returns what its report says of each kernel. */
import { spawn, spawnSync } from "node:child_process";
import { globSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { parseReport, type Resources, type TargetResources } from "./resources.ts";

const OLDEST = "80";
/** Ampere, Ada, Hopper, Blackwell; PTX of the oldest serves what comes after them. */
export const TARGETS: readonly string[] = ["80", "86", "89", "90", "100", "120"];

/** The version of the nvcc that is called `nvcc`, or undefined if there is none. */
export function nvccVersion(): string | undefined {
  const { stdout, error } = spawnSync("nvcc", ["--version"], { encoding: "utf8" });
  return error ? undefined : stdout.match(/V([\d.]+)/)?.[1];
}

function compileOne(root: string, source: string, targets: readonly string[], out: string): Promise<string> {
  // One front end for all: the kernels use nothing that the oldest target lacks.
  const code = [...targets.map((target) => `sm_${target}`), `compute_${OLDEST}`].join(",");
  const args = [
    ...["-O3", "-std=c++20", "--expt-relaxed-constexpr", "-Xcompiler", "-fPIC", "-Xptxas", "-v"],
    ...["-gencode", `arch=compute_${OLDEST},code=[${code}]`],
    ...["-I", join(root, "native"), "-c", source, "-o", join(out, `${basename(source)}.o`)],
  ];
  return new Promise((resolve, reject) => {
    const nvcc = spawn("nice", ["-n", "5", "nvcc", ...args]);
    let output = "";
    nvcc.stdout.on("data", (data) => (output += data));
    nvcc.stderr.on("data", (data) => (output += data));
    nvcc.on("error", reject);
    nvcc.on("close", (status) =>
      status === 0 ? resolve(output) : reject(new Error(`nvcc ${args.join(" ")}\n${output}`)),
    );
  });
}

export async function compileKernels(root: string, targets: readonly string[]): Promise<Resources> {
  const out = join(root, ".cache", "cuda");
  mkdirSync(out, { recursive: true });
  const merged: Record<string, Record<string, TargetResources[string]>> = {};
  for (const source of globSync(join(root, "native/kernels/cuda/*.cu")).sort()) {
    const report = parseReport(await compileOne(root, source, targets, out));
    for (const [target, kernels] of Object.entries(report)) {
      merged[target] = { ...merged[target], ...kernels };
    }
  }
  return merged;
}
