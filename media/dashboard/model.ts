/** What the page knows, as plain data: each message makes the next knowledge. No document here, so that a test needs none. */
import type {
  BenchmarkRun,
  BenchmarkSeries,
  MeasuredPoint,
  RatioAdvice,
  RatioFigures,
} from "../../protocol/benchmark.ts";
import type { CompletionCounts } from "../../protocol/counts.ts";
import type { DashboardData, Measurement, ToPage } from "../../protocol/dashboard.ts";
import type { LongRangeRow, LongRangeRun } from "../../protocol/longRange.ts";
import { runName, type ShownRun } from "./comparison.ts";

export interface Progress {
  readonly share: number;
  readonly message: string;
}

export interface Knowledge {
  readonly data: DashboardData | undefined;
  /** undefined: not told yet. */
  readonly counts: CompletionCounts | undefined;
  readonly unavailable: { readonly sentence: string; readonly isError: boolean } | undefined;
  /** undefined: not told yet. The latest first. */
  readonly runs: readonly BenchmarkRun[] | undefined;
  /** Of the run that is shown; undefined is the latest. */
  readonly chosenRun: string | undefined;
  /** Of the run that is laid over it; undefined is none. */
  readonly comparedRun: string | undefined;
  readonly running: Readonly<Partial<Record<Measurement, Progress>>>;
  readonly problems: Readonly<Partial<Record<Measurement, string>>>;
  /** Points of the benchmark that is running. */
  readonly points: readonly MeasuredPoint[];
  readonly ratios: readonly RatioFigures[];
  readonly advice: RatioAdvice | undefined;
  /** Of Long Range Arena, as they come; and the run that they made, when it is whole. */
  readonly longRangeRows: readonly LongRangeRow[];
  readonly longRangeRun: LongRangeRun | undefined;
}

export const NOTHING_KNOWN: Knowledge = {
  data: undefined,
  counts: undefined,
  unavailable: undefined,
  runs: undefined,
  chosenRun: undefined,
  comparedRun: undefined,
  running: {},
  problems: {},
  points: [],
  ratios: [],
  advice: undefined,
  longRangeRows: [],
  longRangeRun: undefined,
};

export function learn(known: Knowledge, message: ToPage): Knowledge {
  switch (message.kind) {
    case "data":
      return { ...known, data: message.data, unavailable: undefined };
    case "counts":
      return { ...known, counts: message.counts };
    case "unavailable":
      return { ...known, unavailable: { sentence: message.sentence, isError: message.isError } };
    case "runs":
      return { ...known, runs: message.runs, comparedRun: message.compare ?? known.comparedRun };
    case "progress":
      return { ...begun(known, message), running: { ...known.running, [message.of]: message } };
    case "point":
      return { ...known, points: [...known.points, message.measured] };
    case "figures":
      return { ...known, ratios: [...known.ratios, message.figures] };
    case "advice":
      return { ...known, advice: message.advice };
    case "longRangeRow":
      return { ...known, longRangeRows: [...known.longRangeRows, message.row] };
    case "longRangeRun":
      return { ...known, longRangeRun: message.run };
    case "ended":
      return ended(known, message.of, message.problem);
  }
}

/** A measurement that begins anew forgets what the one before found. */
function begun(
  known: Knowledge,
  { of, share }: { readonly of: Measurement; readonly share: number },
): Knowledge {
  if (share > 0) return known;
  const problems = { ...known.problems, [of]: undefined };
  switch (of) {
    case "benchmark":
      return { ...known, problems, points: [], chosenRun: undefined };
    case "ratios":
      return { ...known, problems, ratios: [], advice: undefined };
    case "longRange":
      return { ...known, problems, longRangeRows: [], longRangeRun: undefined };
  }
}

function ended(known: Knowledge, of: Measurement, problem: string | undefined): Knowledge {
  const running = { ...known.running, [of]: undefined };
  const problems = { ...known.problems, [of]: problem };
  // Half a benchmark is no run to compare with; half the ratios or tasks are figures all the same.
  return { ...known, running, problems, points: of === "benchmark" ? [] : known.points };
}

/** What the benchmark's charts show: the run under way as far as it has come, else the chosen one. */
export function seriesShown(known: Knowledge): readonly BenchmarkSeries[] {
  if (known.running.benchmark) return seriesOf(known.points);
  return runShown(known)?.series ?? [];
}

export function runShown({ runs = [], chosenRun }: Knowledge): BenchmarkRun | undefined {
  return runs.find(({ date }) => date === chosenRun) ?? runs[0];
}

/** What the charts show: A, and B when a run other than A is to be laid over it. */
export function runsShown(known: Knowledge): readonly ShownRun[] {
  const series = seriesShown(known).filter(({ points }) => points.length > 0);
  if (series.length === 0) return [];
  const run = known.running.benchmark ? undefined : runShown(known);
  const a: ShownRun = run
    ? { letter: "A", name: runName(run), run, series }
    : { letter: "A", name: "under way", series };
  const compared = known.runs?.find(({ date }) => date === known.comparedRun && date !== run?.date);
  if (!compared) return [a];
  const measured = compared.series.filter(({ points }) => points.length > 0);
  return [a, { letter: "B", name: runName(compared), run: compared, series: measured }];
}

function seriesOf(points: readonly MeasuredPoint[]): BenchmarkSeries[] {
  const modes = [...new Set(points.map(({ mode }) => mode))];
  return modes.flatMap((mode) => {
    const own = points.filter((one) => one.mode === mode);
    const [first] = own;
    if (!first) return [];
    const { hybridRatio, attentionWindow } = first;
    return [{ mode, hybridRatio, attentionWindow, points: own.map(({ point }) => point) }];
  });
}
