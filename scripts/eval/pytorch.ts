/** The same bits from PyTorch (model/evaluate/score.py), so that one implementation vouches for the other. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Small ones, since PyTorch is slow at this. */
export const COMPARED_REPOSITORIES = /^(?:attrs|luxon|jansson)$/;
export const COMPARED_CONTEXT_TOKENS = 16_384;
export const COMPARED_FILES = 2;

export interface PytorchScore {
  readonly repository: string;
  readonly path: string;
  readonly hybridRatio: number;
  readonly bits: { readonly alone: number; readonly read: number };
}

export function scoreWithPytorch(model: string, cases: string, ratios: readonly number[]): PytorchScore[] {
  const python = join(ROOT, ".cache", "venv", "bin", "python");
  const script = join(ROOT, "model", "evaluate", "score.py");
  const context = String(COMPARED_CONTEXT_TOKENS);
  const out = join(ROOT, ".cache", "eval", "pytorch.json");
  const args = [script, model, cases, out, "--context", context, "--ratios", ...ratios.map(String)];
  const { status, error } = spawnSync(python, args, { stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) throw new Error(`${script} ended with status ${status}.`);
  return JSON.parse(readFileSync(out, "utf8"));
}
