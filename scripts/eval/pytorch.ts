/** The same bits from PyTorch (model/evaluate/score.py), so that one implementation vouches for the other. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EVALUATION_CACHE, runPython } from "./python.ts";

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

export function scoreWithPytorch(
  model: string,
  cases: string,
  contextTokens: number,
  ratios: readonly number[],
): PytorchScore[] {
  const out = join(EVALUATION_CACHE, "pytorch.json");
  const context = ["--context", String(contextTokens)];
  runPython("venv", "score.py", [model, cases, out, ...context, "--ratios", ...ratios.map(String)]);
  return JSON.parse(readFileSync(out, "utf8"));
}
