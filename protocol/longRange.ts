/** Long Range Arena on this machine: small classifiers of bytes, run by the native engine over their bundled test sequences. */
import type { Machine, ProgressTokens } from "./benchmark.ts";
import type { Request } from "./message.ts";

/** Reports on workDoneToken. */
export const LONG_RANGE_REQUEST = { method: "stateline/longRange" } as Request<
  LongRangeParams,
  LongRangeRun,
  LongRangeRow
>;

export type LongRangeParams = ProgressTokens;

/** Of the channels: all to the state-space model, all to attention, or some to each. */
export type LongRangeModel = "ssm" | "attention" | "hybrid";

export interface Proportion {
  /** 0 to 1. */
  readonly share: number;
  /** Wilson's interval at 95 %. */
  readonly low: number;
  readonly high: number;
}

/** One sequence of so many bytes from the first byte to the answer. */
export interface LongRangePoint {
  readonly tokens: number;
  /** The median over three runs, taken in turn with the other models; of the longest length one run. */
  readonly medianMs: number;
  /** What the network remembers at the end of the sequence: constant for "ssm", keys and values for the others. */
  readonly memoryBytes: number;
}

export interface LongRangeRow {
  /** As its folder says: "listops", "text", "pathfinder" ... */
  readonly task: string;
  readonly model: LongRangeModel;
  /** Share of the channels that the state-space model gets, 0 to 1. */
  readonly ssmRatio: number;
  readonly family: "low_rank" | "diagonal";
  readonly parameters: number;
  readonly classes: number;
  readonly testSequences: number;
  readonly correct: number;
  readonly accuracy: Proportion;
  /** Of its test sequences. */
  readonly testTokens: number;
  readonly longestTokens: number;
  readonly testTokensPerSecond: number;
  /** Ascending lengths; the same for every row of a task. */
  readonly points: readonly LongRangePoint[];
}

export interface LongRangeRun {
  readonly version: 1;
  /** ISO 8601, UTC: when it began. */
  readonly date: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly cpuLevel: string;
  readonly threads: number;
  /** Task by task, "ssm", "hybrid", "attention". */
  readonly rows: readonly LongRangeRow[];
}

/** Lengths at which one sequence is timed, in tokens: those of the article's table. */
export const LONG_RANGE_LENGTHS: readonly number[] = [4096, 16_384, 32_768];

/** The article's table: accuracies in per cent, and how many times faster than attention inference is said to be. */
export const ARTICLE_FIGURES = [
  { task: "text", tokens: 4096, ssm: 92.3, attention: 91.7, timesFaster: 3.2 },
  { task: "path finding", tokens: 16_384, ssm: 89.6, attention: 85.2, timesFaster: 12.7 },
  { task: "protein", tokens: 32_768, ssm: 78.4, attention: 72.1, timesFaster: 28.4 },
] as const;

/** Accuracies on Long Range Arena as published, in per cent (arXiv 2505.09022, table 3); absent where training failed. */
export const PUBLISHED_FIGURES = [
  { model: "Transformer", listops: 36.4, text: 64.3, image: 42.4, pathfinder: 71.4 },
  { model: "S4", listops: 59.6, text: 86.8, image: 88.7, pathfinder: 94.2, pathX: 96.4 },
  { model: "S5", listops: 62.2, text: 89.3, image: 88.0, pathfinder: 95.3, pathX: 98.6 },
] as const;
