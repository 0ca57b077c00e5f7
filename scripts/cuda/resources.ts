/** What the compiler says a kernel takes of a GPU, read from the report of `nvcc -Xptxas -v`. */
import { spawnSync } from "node:child_process";

export interface KernelResources {
  readonly registers: number;
  readonly spillBytes: number;
  readonly sharedBytes: number;
}

/** By kernel, "gemm_kernel<128, bf16>"; by target, "sm_80". */
export type TargetResources = Readonly<Record<string, KernelResources>>;
export type Resources = Readonly<Record<string, TargetResources>>;

const ENTRY = /Compiling entry function '(\w+)' for '(\w+)'/;
const SPILLS = /(\d+) bytes spill stores, (\d+) bytes spill loads/;
const USED = /Used (\d+) registers(?:.*?(\d+) bytes smem)?/;

/** Mangled names to readable ones, by binutils' c++filt, which comes with any g++. */
function demangle(names: readonly string[]): string[] {
  const { stdout, error } = spawnSync("c++filt", [], { input: names.join("\n"), encoding: "utf8" });
  if (error) throw error;
  return stdout.split("\n");
}

/** "void a::b::gemm_kernel<a::GemmTraits<128, 64, 32>, (a::WeightFormat)1>(a::S)" -> "gemm_kernel<128, 64, 32, 1>". */
export function shortName(demangled: string): string {
  const name = demangled.match(/\w+_kernel/)?.[0];
  if (name === undefined) throw new Error(`no kernel's name: ${demangled}`);
  const rest = demangled.slice(demangled.indexOf(name) + name.length);
  if (!rest.startsWith("<")) return name;
  const parameters = rest.slice(1, rest.lastIndexOf(">("));
  const plain = parameters.match(/(?<![\w:])(?:\d+|float)(?!\w)|\w*bf16/g) ?? [];
  return `${name}<${plain.join(", ")}>`;
}

export function parseReport(report: string): Resources {
  const resources: Record<string, Record<string, KernelResources>> = {};
  const entries: { name: string; target: string; used: KernelResources }[] = [];
  let entry: { name: string; target: string } | undefined;
  let spillBytes = 0;
  for (const line of report.split("\n")) {
    const [, name, target] = line.match(ENTRY) ?? [];
    if (name !== undefined && target !== undefined) entry = { name, target };
    const spills = line.match(SPILLS);
    if (spills) spillBytes = Number(spills[1]) + Number(spills[2]);
    const used = line.match(USED);
    if (!used || entry === undefined) continue;
    entries.push({
      ...entry,
      used: { registers: Number(used[1]), spillBytes, sharedBytes: Number(used[2] ?? 0) },
    });
    entry = undefined;
  }
  const names = demangle(entries.map(({ name }) => name));
  for (const [i, { target, used }] of entries.entries()) {
    resources[target] ??= {};
    (resources[target] ?? {})[shortName(names[i] ?? "")] = used;
  }
  return resources;
}

/** One sentence for each kernel that spills, takes more than it did, or is not in both. */
export function compareResources(before: Resources, now: Resources): string[] {
  const faults: string[] = [];
  for (const target of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [was, is] = [before[target] ?? {}, now[target] ?? {}];
    for (const kernel of new Set([...Object.keys(was), ...Object.keys(is)])) {
      const [a, b] = [was[kernel], is[kernel]];
      const where = `${kernel} on ${target}`;
      if (b && b.spillBytes > 0) faults.push(`${where} spills ${b.spillBytes} bytes.`);
      if (!a || !b) faults.push(`${where} is only in the ${a ? "committed file" : "compiler's report"}.`);
      else if (b.registers > a.registers)
        faults.push(`${where} takes ${b.registers} registers, it took ${a.registers}.`);
      else if (b.sharedBytes > a.sharedBytes)
        faults.push(`${where} takes ${b.sharedBytes} bytes of shared memory, it took ${a.sharedBytes}.`);
    }
  }
  return faults;
}
