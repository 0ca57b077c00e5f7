/** The measured comparisons: state against attention by length of context, and the hybrid ratios on one's own repository. */
import type { Request } from "./message.ts";

/** Reports on workDoneToken. */
export const BENCHMARK_REQUEST = { method: "stateline/benchmark" } as Request<
  BenchmarkParams,
  BenchmarkAnswer,
  MeasuredPoint
>;
/** Those saved on this machine, the latest first. */
export const SAVED_BENCHMARKS_REQUEST = { method: "stateline/savedBenchmarks" } as Request<
  null,
  readonly BenchmarkRun[]
>;
/** Reports on workDoneToken. */
export const RATIOS_REQUEST = { method: "stateline/ratios" } as Request<
  RatioParams,
  RatioAdvice,
  RatioFigures
>;
/** The run is saved beside those measured here. */
export const ADD_BENCHMARK_REQUEST = { method: "stateline/addBenchmark" } as Request<
  AddBenchmarkParams,
  BenchmarkRun
>;

export interface Machine {
  readonly cpu: string;
  readonly logicalCores: number;
  readonly physicalCores: number | null;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** Processes ready to run in the last minute before the measurement; 0 is a quiet machine. */
  readonly loadBefore: number | null;
}

export interface ProgressTokens {
  readonly workDoneToken?: string | number;
  readonly partialResultToken?: string | number;
}

export interface BenchmarkParams extends ProgressTokens {
  /** Lengths of context in tokens, ascending; DEFAULT_CONTEXTS when absent. */
  readonly contexts?: readonly number[];
  /** Of each mode. */
  readonly timeLimitSeconds?: number;
  /** Of each mode's memory; half of what is free, 8 GiB at most, when absent. */
  readonly memoryLimitBytes?: number;
}

export const DEFAULT_CONTEXTS: readonly number[] = [1, 4, 16, 32, 64, 128, 256, 512, 1024].map(
  (k) => k * 1024,
);
export const DEFAULT_TIME_LIMIT_SECONDS = 60;

/** state: every head keeps a state. attention: every head attends to everything. chosen: as the settings say. */
export type Mode = "state" | "attention" | "chosen";

export interface BenchmarkPoint {
  readonly contextTokens: number;
  /** From nothing to this context. */
  readonly prefillMs: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  /** Prefill, then `decodeTokens` of the run decoded. */
  readonly wallMs: number;
  /** The heads' states and what each position must remember beside them: constant. */
  readonly stateBytes: number;
  /** The attending heads' keys and values. */
  readonly kvBytes: number;
}

export type Stop =
  | { readonly reason: "time"; readonly limitSeconds: number; readonly atTokens: number }
  | { readonly reason: "memory"; readonly limitBytes: number; readonly atTokens: number };

export interface BenchmarkSeries {
  readonly mode: Mode;
  /** null: of a model without heads that could run as either. */
  readonly hybridRatio: number | null;
  /** In tokens; 0 is unbounded. */
  readonly attentionWindow: number;
  readonly points: readonly BenchmarkPoint[];
  /** Why longer contexts are missing. */
  readonly stopped?: Stop;
}

export interface MeasuredPoint {
  readonly mode: Mode;
  readonly hybridRatio: number | null;
  readonly attentionWindow: number;
  readonly point: BenchmarkPoint;
}

export interface MeasuredModel {
  readonly name: string;
  readonly hash: string;
  readonly parameters: number;
  readonly quantization: string;
  readonly weightBytes: number;
  readonly cpuLevel: string;
  readonly threads: number;
  /** The GPU that it ran on; absent: the processor. */
  readonly gpu?: string;
}

export interface BenchmarkRun {
  readonly version: 1;
  /** ISO 8601, UTC: when it began. */
  readonly date: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly model: MeasuredModel;
  readonly decodeTokens: number;
  readonly timeLimitSeconds: number;
  readonly memoryLimitBytes: number;
  readonly series: readonly BenchmarkSeries[];
}

export interface BenchmarkAnswer {
  readonly run: BenchmarkRun;
  /** Where it is saved for a person, beside its JSON; absent when it could not be saved. */
  readonly pagePath?: string;
}

export interface AddBenchmarkParams {
  /** JSON of a BenchmarkRun, as it was exported, or of docs/benchmarks/attention.json, which holds one. */
  readonly text: string;
}

/** Of a file that holds a run. */
export const MOST_RUN_BYTES = 2 ** 20;

export interface RatioParams extends ProgressTokens {
  /** Longest median time of a completion, in milliseconds. */
  readonly latencyBudgetMs?: number;
  /** Most memory of the repository's state and cache. */
  readonly memoryBudgetBytes?: number;
}

export const DEFAULT_LATENCY_BUDGET_MS = 50;
export const DEFAULT_MEMORY_BUDGET_BYTES = 256 * 2 ** 20;

export interface RatioFigures {
  readonly hybridRatio: number;
  readonly stateBytes: number;
  /** At the length of the repository. */
  readonly kvBytes: number;
  readonly readTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  /** Median of two tokens advanced and sixteen decoded. */
  readonly completionMs: number;
  /** Of the sample's files after others of the repository, with exact recall: as completions see it. */
  readonly bitsPerByte: number;
}

export interface RatioAdvice {
  readonly figures: readonly RatioFigures[];
  readonly latencyBudgetMs: number;
  readonly memoryBudgetBytes: number;
  readonly sampleFiles: number;
  readonly sampleBytes: number;
  readonly best: number;
  /** Some sentences for a person: why this one. */
  readonly explanation: string;
}

/** One sentence for a person when a request's parameters are wrong; undefined when they are right. */
export function problemOfBenchmarkParams(params: BenchmarkParams | null | undefined): string | undefined {
  const { contexts, timeLimitSeconds, memoryLimitBytes } = params ?? {};
  if (contexts !== undefined) {
    const rising =
      Array.isArray(contexts) && contexts.every((n, i) => isTokens(n) && n > (contexts[i - 1] ?? 0));
    if (!rising || contexts.length === 0 || contexts.length > 32)
      return "The contexts must be 1 to 32 rising numbers of tokens, each from 1 to 16,777,216.";
  }
  if (timeLimitSeconds !== undefined && !isWithin(timeLimitSeconds, 0.001, 3600))
    return "The time limit must be from 0.001 to 3600 seconds.";
  if (memoryLimitBytes !== undefined && !isWithin(memoryLimitBytes, 1, 2 ** 50))
    return "The memory limit must be a number of bytes above 0.";
  return undefined;
}

export function problemOfRatioParams(params: RatioParams | null | undefined): string | undefined {
  const { latencyBudgetMs, memoryBudgetBytes } = params ?? {};
  if (latencyBudgetMs !== undefined && !isWithin(latencyBudgetMs, 0.001, 60_000))
    return "The latency budget must be from 0.001 to 60,000 milliseconds.";
  if (memoryBudgetBytes !== undefined && !isWithin(memoryBudgetBytes, 1, 2 ** 50))
    return "The memory budget must be a number of bytes above 0.";
  return undefined;
}

function isTokens(value: unknown): boolean {
  return Number.isInteger(value) && isWithin(value, 1, 2 ** 24);
}

function isWithin(value: unknown, low: number, high: number): boolean {
  return typeof value === "number" && value >= low && value <= high;
}
