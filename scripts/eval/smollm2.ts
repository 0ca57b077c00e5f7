/** The SmolLM2-135M baseline: model/evaluate/smollm2.py answers, here is what its answers are worth. */
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Answer } from "./answers.ts";
import type { ScoredFile } from "./bits.ts";
import { EVALUATION_CACHE, runPython } from "./python.ts";

const RECORD = fileURLToPath(new URL("../../docs/evaluation/smollm2.json", import.meta.url));

interface RawAnswer extends Omit<Answer, "ms"> {
  readonly contextTokens: number;
  readonly lineTokens: number;
  readonly writtenTokens: number;
}

export interface Smollm2Answers {
  /** Milliseconds a token on two threads: in a long text, in a short one after it, one by one. */
  readonly speeds: { readonly longMs: number; readonly shortMs: number; readonly oneMs: number };
  readonly answers: readonly RawAnswer[];
  readonly bits: readonly {
    readonly repository: string;
    readonly path: string;
    readonly bytes: number;
    readonly bitsAlone: number;
  }[];
}

/**
 * Answers that are there from an earlier run, here or in the repository's record, are kept, since they do not depend on our
 * model; the speeds are measured again, and the best ones kept.
 */
export function askSmollm2(cases: string): Smollm2Answers {
  const out = join(EVALUATION_CACHE, "smollm2.json");
  if (!existsSync(out)) copyFileSync(RECORD, out);
  runPython("evaluate", "smollm2.py", [cases, out]);
  return JSON.parse(readFileSync(out, "utf8"));
}

export function scoredFiles({ bits }: Smollm2Answers): ScoredFile[] {
  return bits.map(({ bitsAlone, ...file }) => ({ ...file, bits: { alone: bitsAlone } }));
}

/**
 * Times follow from counts of tokens and the best speeds that were seen: a machine at work only makes them longer.
 * `read`: what the model had read before the line was asked for, all of the file before it or nothing.
 */
export function timed({ answers, speeds }: Smollm2Answers, read: "file" | "nothing"): Answer[] {
  return answers.map(({ contextTokens, lineTokens, writtenTokens, ...answer }) => ({
    ...answer,
    ms:
      (read === "nothing" ? contextTokens * speeds.longMs : 0) +
      lineTokens * speeds.shortMs +
      writtenTokens * speeds.oneMs,
  }));
}
