/** How many threads the engine uses: physical cores, since two hyper-threads share one set of vector units. */
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

const MOST_THREADS = 4;

export function chooseThreads(setting: number): number {
  if (setting > 0) return setting;
  const logical = availableParallelism();
  return Math.max(1, Math.min(MOST_THREADS, physicalCores() ?? likelyCores(logical), logical));
}

function likelyCores(logical: number): number {
  const pairs = process.arch === "x64" && !["linux", "darwin"].includes(process.platform);
  return pairs ? Math.ceil(logical / 2) : logical;
}

/** undefined: the system does not tell. */
export function physicalCores(): number | undefined {
  const root = "/sys/devices/system/cpu";
  try {
    const siblings = readdirSync(root)
      .filter((name) => /^cpu\d+$/.test(name))
      .map((name) => readFileSync(join(root, name, "topology/thread_siblings_list"), "utf8").trim());
    return siblings.length > 0 ? new Set(siblings).size : undefined;
  } catch {
    // Not Linux, or a container that hides the topology.
    return undefined;
  }
}
