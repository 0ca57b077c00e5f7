/** Two runs of the benchmark beside each other, in words and figures. No document here, so that a test needs none. */
import type { BenchmarkPoint, BenchmarkRun, BenchmarkSeries } from "../../protocol/benchmark.ts";
import { modeName, tokensShort } from "../../protocol/words.ts";

/** A is drawn with full lines and filled symbols, B with broken lines and hollow ones. */
export type Letter = "A" | "B";

export interface ShownRun {
  readonly letter: Letter;
  /** Date, model and machine: what tells it from another. */
  readonly name: string;
  /** Absent while it is measured. */
  readonly run?: BenchmarkRun;
  readonly series: readonly BenchmarkSeries[];
}

/** B over A at one length of context, of the same heads in the same mode. */
export interface Multiples {
  readonly contextTokens: number;
  readonly prefill: number;
  readonly decode: number;
  readonly wall: number;
  readonly memory: number;
}

export interface ComparedSeries {
  readonly name: string;
  readonly multiples: readonly Multiples[];
}

export function runName(run: BenchmarkRun): string {
  return `${shownDate(run.date)} · ${modelOf(run)} · ${run.machine.cpu}`;
}

/** Only what both measured in the same way: a ratio or a window of another size is another thing. */
export function compareSeries(a: ShownRun, b: ShownRun): ComparedSeries[] {
  return a.series.flatMap((ofA) => {
    const ofB = b.series.find((one) => modeName(one) === modeName(ofA));
    const multiples = ofA.points.flatMap((point) => {
      const other = ofB?.points.find(({ contextTokens }) => contextTokens === point.contextTokens);
      return other ? [multiplesOf(point, other)] : [];
    });
    return multiples.length > 0 ? [{ name: modeName(ofA), multiples }] : [];
  });
}

function multiplesOf(a: BenchmarkPoint, b: BenchmarkPoint): Multiples {
  return {
    contextTokens: a.contextTokens,
    prefill: b.prefillTokensPerSecond / a.prefillTokensPerSecond,
    decode: b.decodeTokensPerSecond / a.decodeTokensPerSecond,
    wall: b.wallMs / a.wallMs,
    memory: memoryOf(b) / memoryOf(a),
  };
}

function memoryOf({ stateBytes, kvBytes }: BenchmarkPoint): number {
  return stateBytes + kvBytes;
}

/** One sentence a mode, at the longest context of both. */
export function comparisonSentences(a: ShownRun, b: ShownRun): string[] {
  const compared = compareSeries(a, b).flatMap(({ name, multiples }) => {
    const last = multiples.at(-1);
    if (!last) return [];
    return [
      `${tokensShort(last.contextTokens)} tokens, ${name}: B reads ${times(last.prefill)} and writes ` +
        `${times(last.decode)} as fast as A, in ${times(last.memory)} the memory.`,
    ];
  });
  const names = (run: ShownRun): string[] => run.series.map(modeName);
  const alone = [a, b].flatMap((run) => {
    const others = names(run === a ? b : a);
    return names(run).flatMap((name) => (others.includes(name) ? [] : [`Only ${run.letter} has ${name}.`]));
  });
  return [...compared, ...alone, ...differences(a.run, b.run)];
}

/** What else is not the same: a figure is no better than what it was measured on. */
function differences(a: BenchmarkRun | undefined, b: BenchmarkRun | undefined): string[] {
  if (!a || !b) return [];
  const facts: readonly (readonly [string, (run: BenchmarkRun) => string | number])[] = [
    ["processor", ({ machine }) => machine.cpu],
    ["cores", ({ machine }) => machine.physicalCores ?? machine.logicalCores],
    ["memory", ({ machine }) => `${machine.memoryGiB} GiB`],
    ["system", ({ machine }) => machine.system],
    ["model", modelOf],
    // The beginning of the hash is the configuration's, which new weights seldom change.
    ["weights", ({ model }) => model.hash.slice(-8)],
    ["instructions", ({ model }) => model.cpuLevel],
    ["threads", ({ model }) => model.threads],
    ["tokens written", ({ decodeTokens }) => decodeTokens],
    ["time limit", ({ timeLimitSeconds }) => `${timeLimitSeconds} s`],
  ];
  const different = facts.flatMap(([name, of]) =>
    of(a) === of(b) ? [] : [`${name} ${of(a)} in A, ${of(b)} in B`],
  );
  const load = ({ machine }: BenchmarkRun): string => String(machine.loadBefore ?? "unknown");
  return [
    different.length > 0 ? `Not the same: ${different.join("; ")}.` : "Same machine, same weights.",
    `Measured at different times: the load before was ${load(a)} in A, ${load(b)} in B.`,
  ];
}

export function times(value: number): string {
  return `${value >= 10 ? Math.round(value) : value.toFixed(2)}×`;
}

function modelOf({ model }: BenchmarkRun): string {
  return `${model.name} ${(model.parameters / 1e6).toFixed(1)} M ${model.quantization}`;
}

function shownDate(date: string): string {
  return new Date(date).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
