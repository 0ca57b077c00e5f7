/** Runs a script of model/evaluate in one of the environments that ./dev keeps. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Where scripts leave what they found, below .cache. */
export const EVALUATION_CACHE = join(ROOT, ".cache", "eval");

export type Environment = "venv" | "evaluate";

/** The interpreter and the script's path. */
export function evaluationScript(environment: Environment, script: string): [string, string] {
  return [join(ROOT, ".cache", environment, "bin", "python"), join(ROOT, "model", "evaluate", script)];
}

export function runPython(environment: Environment, script: string, args: readonly string[]): void {
  const [python, path] = evaluationScript(environment, script);
  const { status, error } = spawnSync(python, [path, ...args], { stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) throw new Error(`${path} ended with status ${status}.`);
}
