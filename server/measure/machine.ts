/** What a measurement was made on: a figure without its machine means nothing. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import type { Machine } from "../../protocol/benchmark.ts";
import { physicalCores } from "../engine/threads.ts";

export function describeMachine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? "unknown",
    logicalCores: cores.length,
    physicalCores: physicalCores() ?? null,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${process.arch}`,
    node: process.version,
    loadBefore: readLoad(),
  };
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
