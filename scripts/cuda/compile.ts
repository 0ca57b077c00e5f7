/** Compiles the CUDA sources with nvcc for every target: what its report says of each kernel, and the library. */
import { spawn, spawnSync } from "node:child_process";
import { globSync, mkdirSync, renameSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { parseReport, type Resources, type TargetResources } from "./resources.ts";

const OLDEST = "80";
/** Ampere, Ada, Hopper, Blackwell; PTX of the oldest serves what comes after them. */
export const TARGETS: readonly string[] = ["80", "86", "89", "90", "100", "120"];

/** The version of the nvcc that is called `nvcc`, or undefined if there is none. */
export function nvccVersion(): string | undefined {
  const { stdout, error } = spawnSync("nvcc", ["--version"], { encoding: "utf8" });
  return error ? undefined : stdout.match(/V([\d.]+)/)?.[1];
}

/** Runs nvcc and returns what it says. */
function nvcc(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const process = spawn("nice", ["-n", "5", "nvcc", ...args]);
    let output = "";
    process.stdout.on("data", (data) => (output += data));
    process.stderr.on("data", (data) => (output += data));
    process.on("error", reject);
    process.on("close", (status) =>
      status === 0 ? resolve(output) : reject(new Error(`nvcc ${args.join(" ")}\n${output}`)),
    );
  });
}

/** One front end for all targets: the kernels use nothing that the oldest lacks. */
function codeFor(targets: readonly string[]): string[] {
  const code = [...targets.map((target) => `sm_${target}`), `compute_${OLDEST}`].join(",");
  return ["-gencode", `arch=compute_${OLDEST},code=[${code}]`];
}

const objectOf = (source: string, out: string): string => join(out, `${basename(source)}.o`);

function compileOne(root: string, source: string, targets: readonly string[], out: string): Promise<string> {
  return nvcc([
    ...["-O3", "-std=c++20", "--expt-relaxed-constexpr", "-Xcompiler", "-fPIC,-fvisibility=hidden"],
    ...["-Xptxas", "-v", ...codeFor(targets)],
    ...["-I", join(root, "native"), "-c", source, "-o", objectOf(source, out)],
  ]);
}

/** All that the library is made of; the report is of the kernels. */
export async function compileSources(root: string, targets: readonly string[]): Promise<Resources> {
  const out = objectsFolder(root);
  const waiting = [...sourcesOf(root).entries()];
  const reports: Resources[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      reports[next[0]] = parseReport(await compileOne(root, join(root, next[1]), targets, out));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const merged: Record<string, TargetResources> = {};
  for (const report of reports)
    for (const [target, kernels] of Object.entries(report))
      merged[target] = { ...merged[target], ...kernels };
  return merged;
}

/** The library that the engine loads at run time, of what was compiled; it needs a driver and nothing else. */
export async function linkLibrary(root: string, targets: readonly string[], library: string): Promise<void> {
  const objects = sourcesOf(root).map((source) => objectOf(source, objectsFolder(root)));
  mkdirSync(dirname(library), { recursive: true });
  const linking = ["-shared", "-cudart", "static", "-Xcompiler", "-static-libgcc,-static-libstdc++"];
  const hidden = ["-Xlinker", "--exclude-libs=ALL"]; // its C++ library is its own
  await nvcc([...linking, ...hidden, ...codeFor(targets), ...objects, "-o", `${library}.new`]);
  // A running server may have the old one mapped.
  renameSync(`${library}.new`, library);
}

/** A program of native/test/cuda/gpu for this machine's GPU, over what was compiled; needs native/build. */
export async function buildGpuProgram(
  root: string,
  targets: readonly string[],
  name: "gpu_test" | "gpu_bench",
): Promise<string> {
  const tests = join(root, "native", "test", "cuda");
  const program = join(objectsFolder(root), name);
  const cases = name === "gpu_test" ? globSync(join(tests, "*cases.cc")) : [];
  const sources = [...cases, join(tests, "gpu", `${name}.cc`)];
  await nvcc([
    ...["-O1", "-std=c++20", "--expt-relaxed-constexpr", "-x", "cu", ...codeFor(targets)],
    ...["-I", join(root, "native"), "-I", join(tests, "gpu"), "-I", tests],
    ...["-c", ...sources, "-odir", objectsFolder(root)],
  ]);
  const objects = [
    ...sources.map((source) => join(objectsFolder(root), `${basename(source, ".cc")}.o`)),
    ...globSync("native/kernels/cuda/*.cu", { cwd: root }).map((source) =>
      objectOf(source, objectsFolder(root)),
    ),
  ];
  await nvcc([
    ...codeFor(targets),
    ...objects,
    join(root, "native/build/libstateline_kernels.a"),
    "-o",
    program,
  ]);
  return program;
}

function sourcesOf(root: string): string[] {
  return globSync(["native/kernels/cuda/*.cu", "native/cuda/*.cu"], { cwd: root }).sort();
}

function objectsFolder(root: string): string {
  const out = join(root, ".cache", "cuda");
  mkdirSync(out, { recursive: true });
  return out;
}
