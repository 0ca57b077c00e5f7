/** The SmolLM2-135M baseline: model/evaluate/smollm2.py answers, here is what its answers are worth. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Answer, answerFigures, within } from "./answers.ts";
import { bitsFigures } from "./bits.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface RawAnswer extends Omit<Answer, "ms" | "meanLogProb"> {
  readonly contextTokens: number;
  readonly lineTokens: number;
  readonly writtenTokens: number;
}

export interface Raw {
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

/** Answers are kept, since they depend on nothing here; only the speeds are measured each time. */
export function askSmollm2(cases: string): Raw {
  const python = join(ROOT, ".cache", "evaluate", "bin", "python");
  const out = join(ROOT, ".cache", "eval", "smollm2.json");
  const kept = existsSync(out) ? ["--only-speeds"] : [];
  const script = join(ROOT, "model", "evaluate", "smollm2.py");
  const { status, error } = spawnSync(python, [script, cases, out, ...kept], { stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) throw new Error(`${script} ended with status ${status}.`);
  return JSON.parse(readFileSync(out, "utf8"));
}

/** Times follow from counts of tokens and the best speeds that were seen: a machine at work only makes them longer. */
export function timed({ answers, speeds }: Raw, lineIsNew: "line" | "file"): Answer[] {
  return answers.map(({ contextTokens, lineTokens, writtenTokens, ...answer }) => ({
    ...answer,
    ms:
      (lineIsNew === "file" ? contextTokens * speeds.longMs : 0) +
      lineTokens * speeds.shortMs +
      writtenTokens * speeds.oneMs,
    meanLogProb: Number.NaN,
  }));
}

export function smollm2Figures(raw: Raw, budgetMs: number): object {
  const read = timed(raw, "line");
  return {
    speeds: raw.speeds,
    bits: bitsFigures(raw.bits.map(({ bitsAlone, ...file }) => ({ ...file, bits: { alone: bitsAlone } }))),
    compared: answerFigures(read),
    budgetMs,
    withinBudget: {
      /** The file before the line had been read. */
      line: answerFigures(within(budgetMs, read)),
      /** Nothing had been read. */
      file: answerFigures(within(budgetMs, timed(raw, "file"))),
    },
  };
}
