/** What the dashboard shows, and the messages between its page and the extension. */
import type { BenchmarkRun, MeasuredPoint, RatioAdvice, RatioFigures } from "./benchmark.ts";
import type { CompletionCounts } from "./counts.ts";
import type { LongRangeRow, LongRangeRun } from "./longRange.ts";
import type { Request } from "./message.ts";
import type { Status } from "./messages.ts";

/** null: nothing is loaded yet. */
export const DASHBOARD_REQUEST = { method: "stateline/dashboard" } as Request<null, DashboardData | null>;

export interface Throughput {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly tokensPerSecond: number;
}

export interface MemoryNow {
  readonly weightBytes: number;
  readonly stateBytes: number;
  readonly kvBytes: number;
  /** States before the cursor, for deleting and moving about: what all states hold less the repository's. */
  readonly checkpointBytes: number;
  readonly recallBytes: number;
}

export interface Latency {
  /** Completions that were decoded, of the last few hundred. */
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
}

export interface RatioChange {
  readonly from: RatioFigures;
  readonly to: RatioFigures;
}

export interface DashboardData {
  readonly status: Status;
  /** Of each layer: the steps of the hybrid ratio; 0: the model has none, and its layers are what they are. */
  readonly heads: number;
  /** What the settings ask for; another than the status' one while the repository is read for it. */
  readonly wantedRatio: number | null;
  /** In tokens; 0 is unbounded. */
  readonly attentionWindow: number;
  readonly memory: MemoryNow;
  /** Were every head to attend to everything; of a model without such heads the cache as it is. */
  readonly attention: { readonly contextTokens: number; readonly bytes: number };
  readonly reading: readonly Throughput[];
  readonly decoding: readonly Throughput[];
  readonly latency: Latency;
  /** Of the latest change of the ratio, when both were measured. */
  readonly ratioChange?: RatioChange;
}

/** The kind of VS Code's panels that show the page. */
export const DASHBOARD_VIEW = "stateline.dashboard";

export const MEASUREMENTS = ["benchmark", "ratios", "longRange"] as const;
export type Measurement = (typeof MEASUREMENTS)[number];

/** Of the extension's commands, without "stateline.": those that the page may run. */
export const PAGE_COMMANDS = [
  "showLog",
  "restartServer",
  "openSettings",
  "toggle",
  "openCounts",
  "deleteCounts",
] as const;
export type PageCommand = (typeof PAGE_COMMANDS)[number];

export type ToPage =
  | { readonly kind: "data"; readonly data: DashboardData }
  | { readonly kind: "counts"; readonly counts: CompletionCounts }
  /** There is no server to ask: one sentence. */
  | { readonly kind: "unavailable"; readonly sentence: string; readonly isError: boolean }
  /** `compare` is the date of a run to lay over the one that is shown. */
  | { readonly kind: "runs"; readonly runs: readonly BenchmarkRun[]; readonly compare?: string }
  | { readonly kind: "progress"; readonly of: Measurement; readonly share: number; readonly message: string }
  | { readonly kind: "point"; readonly measured: MeasuredPoint }
  | { readonly kind: "figures"; readonly figures: RatioFigures }
  | { readonly kind: "advice"; readonly advice: RatioAdvice }
  | { readonly kind: "longRangeRow"; readonly row: LongRangeRow }
  | { readonly kind: "longRangeRun"; readonly run: LongRangeRun }
  /** A measurement came to its end; a problem is one sentence. */
  | { readonly kind: "ended"; readonly of: Measurement; readonly problem?: string };

export type Export = { readonly name: string } & (
  | { readonly type: "svg" | "csv" | "json"; readonly text: string }
  | { readonly type: "png"; readonly base64: string }
);

export type FromPage =
  | { readonly kind: "ready" }
  | { readonly kind: "setRatio"; readonly ratio: number }
  | { readonly kind: "run"; readonly what: Measurement }
  | { readonly kind: "cancel"; readonly what: Measurement }
  | { readonly kind: "export"; readonly file: Export }
  /** A run of another machine is taken from a file that the person chooses. */
  | { readonly kind: "addRun" }
  | { readonly kind: "command"; readonly command: PageCommand };

/** One sentence when what a page sent is none of the above as far as it names something to run; undefined when it is. */
export function problemOfPageMessage(message: FromPage): string | undefined {
  if (message.kind === "command" && !PAGE_COMMANDS.includes(message.command))
    return `The dashboard may not run the command ${String(message.command)}.`;
  if ((message.kind === "run" || message.kind === "cancel") && !MEASUREMENTS.includes(message.what))
    return `There is no measurement ${String(message.what)}.`;
  return undefined;
}
