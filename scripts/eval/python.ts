/** Runs a script of model/evaluate in one of the environments that ./dev keeps. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Where scripts leave what they found, below .cache. */
export const EVALUATION_CACHE = join(ROOT, ".cache", "eval");

export function runPython(environment: "venv" | "evaluate", script: string, args: readonly string[]): void {
  const python = join(ROOT, ".cache", environment, "bin", "python");
  const path = join(ROOT, "model", "evaluate", script);
  const { status, error } = spawnSync(python, [path, ...args], { stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) throw new Error(`${path} ended with status ${status}.`);
}
