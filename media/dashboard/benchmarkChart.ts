/// <reference lib="dom" />
/** The charts of the benchmark: of one run, or of two over each other. */
import type { BenchmarkPoint } from "../../protocol/benchmark.ts";
import { bytes, milliseconds, modeName } from "../../protocol/words.ts";
import { type Picture, speed } from "./chartParts.ts";
import type { ShownRun } from "./comparison.ts";
import { type LengthLine, type LengthMeasure, lengthChart } from "./lengthChart.ts";

export interface Measure extends LengthMeasure {
  readonly id: "wall" | "prefill" | "decode" | "memory";
  readonly of: (point: BenchmarkPoint) => number;
}

export const MEASURES: readonly Measure[] = [
  {
    id: "memory",
    title: "Memory of the context",
    unit: "bytes",
    of: (p) => p.stateBytes + p.kvBytes,
    say: bytes,
  },
  { id: "wall", title: "Time to read and answer", unit: "ms", of: (p) => p.wallMs, say: milliseconds },
  {
    id: "prefill",
    title: "Reading speed",
    unit: "tokens/s",
    of: (p) => p.prefillTokensPerSecond,
    say: speed,
  },
  { id: "decode", title: "Writing speed", unit: "tokens/s", of: (p) => p.decodeTokensPerSecond, say: speed },
];

export function benchmarkChart(runs: readonly ShownRun[], measure: Measure, width: number): Picture {
  return lengthChart(
    runs.flatMap((run) => linesOf(run, measure, runs.length > 1)),
    measure,
    width,
  );
}

function linesOf({ letter, series }: ShownRun, measure: Measure, isComparison: boolean): LengthLine[] {
  return series.map((one) => ({
    name: isComparison ? `${letter}, ${modeName(one)}` : modeName(one),
    look: one.mode,
    isBroken: letter === "B",
    points: one.points.map((point) => ({ tokens: point.contextTokens, value: measure.of(point) })),
    // Of two runs the words would stand on each other's lines; the list below the charts has them.
    ...(one.stopped && !isComparison && { end: `${one.stopped.reason} limit` }),
  }));
}
