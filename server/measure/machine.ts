/** What a measurement was made on: a figure without its machine means nothing. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import type { Machine } from "../../protocol/benchmark.ts";

export function describeMachine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? "unknown",
    logicalCores: cores.length,
    physicalCores: countPhysicalCores(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${process.arch}`,
    node: process.version,
    loadBefore: readLoad(),
  };
}

function countPhysicalCores(): number | null {
  const text = readProc("/proc/cpuinfo");
  if (text === null) return null;
  const cores = text.split("\n\n").map((block) => {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}\\s*: (.*)$`, "m").exec(block)?.[1];
    return `${field("physical id")}:${field("core id")}`;
  });
  const distinct = new Set(cores.filter((core) => !core.includes("undefined"))).size;
  return distinct === 0 ? null : distinct;
}

function readLoad(): number | null {
  const first = readProc("/proc/loadavg")?.split(" ")[0];
  return first === undefined ? null : Number(first);
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not Linux.
    return null;
  }
}
