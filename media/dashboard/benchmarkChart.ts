/// <reference lib="dom" />
/** The charts of the benchmark: a measure by length of context, on log axes. */
import * as Plot from "@observablehq/plot";
import type { BenchmarkPoint, BenchmarkSeries, Mode } from "../../protocol/benchmark.ts";
import { bytes, count, milliseconds, modeName, tokensShort } from "../../protocol/words.ts";
import {
  AXES,
  BYTE_BASE,
  contextTicks,
  LOOKS,
  type Picture,
  plain,
  short,
  speed,
  valuesUnderPointer,
  valueTicks,
} from "./chartParts.ts";
import type { Letter, ShownRun } from "./comparison.ts";

export interface Measure {
  readonly id: "wall" | "prefill" | "decode" | "memory";
  readonly title: string;
  readonly unit: string;
  readonly of: (point: BenchmarkPoint) => number;
  readonly say: (value: number) => string;
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

/** One run, or two over each other: B's lines are broken and its symbols hollow. */
export function benchmarkChart(runs: readonly ShownRun[], measure: Measure, width: number): Picture {
  const rows = runs.flatMap(({ letter, series }) => series.flatMap((one) => rowsOf(letter, one, measure)));
  const contexts = rows.map(({ context }) => context);
  const values = rows.map(({ value }) => value);
  const [shortest, longest] = [Math.min(...contexts), Math.max(...contexts)];
  const ticks = valueTicks(values, measure.unit === "bytes");
  const isComparison = runs.length > 1;
  const named = (letter: Letter, one: BenchmarkSeries): string =>
    isComparison ? `${letter}, ${modeName(one)}` : modeName(one);
  const names = runs.flatMap(({ letter, series }) => series.map((one) => named(letter, one)));
  return plain(
    Plot.plot({
      ...AXES,
      width,
      ariaLabel: `${measure.title} by length of context: ${names.join("; ")}`,
      x: {
        type: "log",
        base: 2,
        ticks: contextTicks(shortest, longest, width - 70),
        tickFormat: (tokens: number) => tokensShort(tokens),
        label: null,
      },
      y: {
        type: "log",
        domain: [Math.min(ticks[0] ?? 1, ...values), Math.max(ticks.at(-1) ?? 1, ...values)],
        ticks,
        base: measure.unit === "bytes" ? BYTE_BASE : 10,
        tickFormat: (value: number) =>
          measure.unit === "tokens/s" ? count(value) : short(measure.say(value)),
        label: null,
      },
      marks: [
        Plot.gridY({ ticks, stroke: "var(--rule)", strokeOpacity: 1 }),
        ...runs.flatMap(({ letter, series }) =>
          series.flatMap((one) => seriesMarks(rowsOf(letter, one, measure), letter, one.mode)),
        ),
        Plot.text(endsOf(rows, longest, isComparison), {
          ...{ x: "context", y: "value", text: "why", fill: "colour", textAnchor: "start", dx: 8, dy: -8 },
          ...{ stroke: "var(--vscode-editorWidget-background)", strokeWidth: 4 },
        }),
        ...valuesUnderPointer(rows, width, {
          ...{ x: "context", y: "value" },
          say: ({ letter, series, context, value }) => [
            named(letter, series),
            `${count(context)} tokens`,
            measure.say(value),
          ],
        }),
      ],
    }),
  );
}

interface BenchmarkRow {
  readonly letter: Letter;
  readonly series: BenchmarkSeries;
  readonly context: number;
  readonly value: number;
}

function rowsOf(letter: Letter, series: BenchmarkSeries, measure: Measure): BenchmarkRow[] {
  return series.points.map((point) => ({
    ...{ letter, series },
    context: point.contextTokens,
    value: measure.of(point),
  }));
}

function seriesMarks(rows: BenchmarkRow[], letter: Letter, mode: Mode): Plot.Markish[] {
  const { colour, symbol } = LOOKS[mode];
  const place = { x: "context", y: "value" };
  if (letter === "A") {
    return [
      Plot.lineY(rows, { ...place, stroke: colour, strokeWidth: 2 }),
      Plot.dot(rows, { ...place, fill: colour, symbol, r: 3.5 }),
    ];
  }
  const paper = "var(--vscode-editorWidget-background)";
  return [
    Plot.lineY(rows, { ...place, stroke: colour, strokeWidth: 1.5, strokeDasharray: "5 4" }),
    Plot.dot(rows, { ...place, stroke: colour, strokeWidth: 1.5, fill: paper, symbol, r: 4 }),
  ];
}

/** Why a line ends. At the right end there is no room for words; the list below the charts has them all. */
function endsOf(rows: readonly BenchmarkRow[], longest: number, isComparison: boolean) {
  return rows.flatMap(({ letter, series, context, value }) => {
    const { mode, stopped, points } = series;
    if (!stopped || context !== points.at(-1)?.contextTokens || context === longest) return [];
    const why = `${isComparison ? `${letter}: ` : ""}${stopped.reason} limit`;
    return [{ context, value, colour: LOOKS[mode].colour, why }];
  });
}
