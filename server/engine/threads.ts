/** How many threads the engine uses: physical cores, since two hyper-threads share one set of vector units. */
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

const MOST_THREADS = 4;

export function chooseThreads(setting: number): number {
  if (setting > 0) return setting;
  return Math.max(1, Math.min(MOST_THREADS, physicalCores(), availableParallelism()));
}

function physicalCores(): number {
  const logical = availableParallelism();
  if (process.platform === "linux") return linuxPhysicalCores() ?? logical;
  return process.arch === "x64" && process.platform !== "darwin" ? Math.ceil(logical / 2) : logical;
}

function linuxPhysicalCores(): number | undefined {
  const root = "/sys/devices/system/cpu";
  try {
    const siblings = readdirSync(root)
      .filter((name) => /^cpu\d+$/.test(name))
      .map((name) => readFileSync(join(root, name, "topology/thread_siblings_list"), "utf8").trim());
    return siblings.length > 0 ? new Set(siblings).size : undefined;
  } catch {
    // A container may hide the topology; the caller then counts logical cores.
    return undefined;
  }
}
