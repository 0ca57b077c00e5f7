/** What a process has used, as Linux tells it. */
import { readFileSync } from "node:fs";
import type { Usage } from "./answerer.ts";

/** USER_HZ: a clock tick of /proc, on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

export function usageOf(pid: number | undefined): Usage {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Behind the name, which may have spaces: utime and stime are fields 14 and 15 of proc(5).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    const [, resident] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return { cpuSeconds, residentBytes: resident === undefined ? undefined : Number(resident) * 1024 };
  } catch {
    return { cpuSeconds: undefined, residentBytes: undefined };
  }
}
