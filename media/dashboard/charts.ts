/// <reference lib="dom" />
/** The charts, by Observable Plot in the theme's colours. */
import * as Plot from "@observablehq/plot";
import type { BenchmarkPoint, BenchmarkSeries, Mode, RatioFigures } from "../../protocol/benchmark.ts";
import type { DashboardData, Sample } from "../../protocol/dashboard.ts";
import { bytes, count, milliseconds, modeName, tokensShort } from "../../protocol/words.ts";

type Picture = SVGSVGElement | HTMLElement;

/** Colour and symbol together: whoever does not tell colours apart sees the shape. */
const LOOKS: Readonly<Record<Mode, { readonly colour: string; readonly symbol: Plot.SymbolType }>> = {
  state: { colour: "var(--state)", symbol: "circle" },
  attention: { colour: "var(--attention)", symbol: "triangle" },
  chosen: { colour: "var(--chosen)", symbol: "square" },
};

export interface Measure {
  readonly id: "wall" | "prefill" | "decode" | "memory";
  readonly title: string;
  readonly unit: string;
  readonly of: (point: BenchmarkPoint) => number;
  readonly say: (value: number) => string;
}

const speed = (value: number): string => `${count(value)} tokens/s`;

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

const AXES = {
  marginLeft: 56,
  marginRight: 20,
  marginTop: 14,
  marginBottom: 30,
  height: 210,
  style: { background: "none", color: "inherit", fontFamily: "inherit", fontSize: "11px" },
};

/** Of the axes of bytes: 16 KiB, 256 KiB, 4 MiB. */
const BYTE_BASE = 16;
/** Where the bars of memory begin. */
const LEAST_BYTES = 4096;

/** A round number on an axis needs no decimals. */
function short(words: string): string {
  return words.replace(/\.0+ /, " ");
}

/** Powers of two that stand far enough apart for their labels. */
function contextTicks(low: number, high: number, width: number): number[] {
  const most = Math.max(2, Math.floor(width / 62));
  const exponents = Math.log2(high / low) || 1;
  const step = Math.max(1, Math.ceil(exponents / most));
  const ticks: number[] = [];
  for (let exponent = Math.ceil(Math.log2(low)); exponent <= Math.log2(high) + 0.01; exponent += step)
    ticks.push(2 ** exponent);
  return ticks;
}

/** Powers of ten, or of sixteen for bytes, around the values. */
function valueTicks(values: readonly number[], isBytes: boolean): number[] {
  const base = isBytes ? BYTE_BASE : 10;
  const low = Math.floor(Math.log(Math.min(...values)) / Math.log(base));
  const high = Math.ceil(Math.log(Math.max(...values)) / Math.log(base));
  const all = Array.from({ length: high - low + 1 }, (_, i) => base ** (low + i));
  return all.length > 6 ? all.filter((_, i) => (all.length - 1 - i) % 2 === 0) : all;
}

export function benchmarkChart(series: readonly BenchmarkSeries[], measure: Measure, width: number): Picture {
  const rows = series.flatMap((one) =>
    one.points.map((point) => ({ series: one, context: point.contextTokens, value: measure.of(point) })),
  );
  const contexts = rows.map(({ context }) => context);
  const values = rows.map(({ value }) => value);
  const longest = Math.max(...contexts);
  // At the right end there is no room for words; the list below the charts has them all.
  const ends = series.flatMap((one) => {
    const last = one.stopped && one.points.at(-1);
    const { colour } = LOOKS[one.mode];
    if (!last || last.contextTokens === longest) return [];
    return [
      { context: last.contextTokens, value: measure.of(last), colour, why: `${one.stopped?.reason} limit` },
    ];
  });
  const ticks = valueTicks(values, measure.unit === "bytes");
  return plain(
    Plot.plot({
      ...AXES,
      width,
      ariaLabel: `${measure.title} by length of context, ${series.map(modeName).join(", ")}`,
      x: {
        type: "log",
        base: 2,
        ticks: contextTicks(Math.min(...contexts), Math.max(...contexts), width - 70),
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
        ...series.flatMap((one) => {
          const own = rows.filter((row) => row.series === one);
          const { colour, symbol } = LOOKS[one.mode];
          return [
            Plot.lineY(own, { x: "context", y: "value", stroke: colour, strokeWidth: 2 }),
            Plot.dot(own, { x: "context", y: "value", fill: colour, symbol, r: 3.5 }),
          ];
        }),
        Plot.text(ends, {
          ...{ x: "context", y: "value", text: "why", fill: "colour", textAnchor: "start", dx: 8, dy: -8 },
          ...{ stroke: "var(--vscode-editorWidget-background)", strokeWidth: 4 },
        }),
        ...valuesUnderPointer(rows, width, {
          ...{ x: "context", y: "value" },
          say: ({ series: one, context, value }) => [
            modeName(one),
            `${count(context)} tokens`,
            measure.say(value),
          ],
        }),
      ],
    }),
  );
}

/** What is held now beside what attention would hold; a log scale, or the state would not be seen. */
export function memoryChart({ memory, attention }: DashboardData, width: number): Picture {
  const rows = [
    { name: "Now", value: memory.stateBytes + memory.kvBytes, colour: "var(--state)" },
    { name: "All attention", value: attention.bytes, colour: "var(--attention)" },
  ].filter(({ value }) => value > 0);
  const ticks = valueTicks([LEAST_BYTES, ...rows.map(({ value }) => value)], true);
  const shown = ticks.filter((_, i) => width >= 360 || (ticks.length - 1 - i) % 2 === 0);
  return plain(
    Plot.plot({
      ...AXES,
      ...{ width, height: 96, marginLeft: 86, marginTop: 4, marginRight: 24, marginBottom: 26 },
      ariaLabel: rows.map(({ name, value }) => `${name}: ${bytes(value)}`).join(", "),
      x: {
        type: "log",
        domain: [Math.min(LEAST_BYTES, ...ticks), Math.max(...ticks)],
        ticks: shown,
        base: BYTE_BASE,
        tickFormat: (value: number) => short(bytes(value)),
        label: null,
      },
      y: { domain: rows.map(({ name }) => name), label: null, tickSize: 0, padding: 0.25 },
      marks: [
        Plot.gridX({ ticks: shown, stroke: "var(--rule)", strokeOpacity: 1 }),
        Plot.barX(rows, {
          ...{ x1: Math.min(LEAST_BYTES, ...ticks), x2: "value", y: "name", fill: "colour", rx: 2 },
          title: ({ name, value }: (typeof rows)[number]) => `${name}: ${bytes(value)}`,
          tip: true,
        }),
      ],
    }),
  );
}

export function throughputChart(
  reading: readonly Sample[],
  decoding: readonly Sample[],
  width: number,
): Picture {
  const dated = (samples: readonly Sample[], name: string) =>
    samples.map((sample) => ({ ...sample, name, at: new Date(sample.atMs) }));
  const read = dated(reading, "reading");
  const written = dated(decoding, "writing");
  const rows = [...read, ...written];
  const values = rows.map(({ tokensPerSecond }) => tokensPerSecond);
  const ticks = valueTicks(values, false);
  return plain(
    Plot.plot({
      ...AXES,
      ...{ width, height: 170 },
      ariaLabel: "Tokens a second over the session, reading and writing",
      x: { type: "time", label: null, ticks: Math.max(2, Math.floor(width / 110)) },
      y: {
        type: "log",
        ticks,
        tickFormat: (value: number) => count(value),
        label: null,
        domain: [ticks[0] ?? 1, ticks.at(-1) ?? 10],
      },
      marks: [
        Plot.gridY({ ticks, stroke: "var(--rule)", strokeOpacity: 1 }),
        Plot.lineY(read, { x: "at", y: "tokensPerSecond", stroke: LOOKS.state.colour, strokeWidth: 1.5 }),
        Plot.dot(read, { x: "at", y: "tokensPerSecond", fill: LOOKS.state.colour, r: 2 }),
        Plot.dot(written, {
          ...{ x: "at", y: "tokensPerSecond", fill: LOOKS.attention.colour, symbol: "triangle", r: 3 },
        }),
        ...valuesUnderPointer(rows, width, {
          ...{ x: "at", y: "tokensPerSecond" },
          say: ({ name, at, tokensPerSecond }) => [
            `${name}, ${at.toLocaleTimeString()}`,
            speed(tokensPerSecond),
          ],
        }),
      ],
    }),
  );
}

export function ratioChart(
  figures: readonly RatioFigures[],
  best: number | undefined,
  width: number,
): Picture {
  const rows = [...figures].sort((a, b) => a.hybridRatio - b.hybridRatio);
  return plain(
    Plot.plot({
      ...AXES,
      ...{ width, height: 180 },
      ariaLabel: `Bits a byte at each hybrid ratio: ${rows.map((row) => `${row.hybridRatio}: ${row.bitsPerByte.toFixed(3)}`).join(", ")}`,
      x: { domain: [0, 1], label: null, ticks: [0, 0.25, 0.5, 0.75, 1], tickFormat: String, inset: 8 },
      y: { label: null, nice: true, ticks: 4, tickFormat: (bits: number) => bits.toFixed(3), zero: false },
      marks: [
        Plot.gridY({ ticks: 4, stroke: "var(--rule)", strokeOpacity: 1 }),
        Plot.lineY(rows, { x: "hybridRatio", y: "bitsPerByte", stroke: "var(--state)", strokeWidth: 2 }),
        Plot.dot(rows, { x: "hybridRatio", y: "bitsPerByte", fill: "var(--state)", r: 3.5 }),
        Plot.dot(
          rows.filter(({ hybridRatio }) => hybridRatio === best),
          { x: "hybridRatio", y: "bitsPerByte", stroke: "var(--chosen)", strokeWidth: 2, r: 8 },
        ),
        ...valuesUnderPointer(rows, width, {
          ...{ x: "hybridRatio", y: "bitsPerByte" },
          say: (row) => [
            `ratio ${row.hybridRatio}`,
            `${row.bitsPerByte.toFixed(3)} bits a byte`,
            bytes(row.stateBytes + row.kvBytes),
            milliseconds(row.completionMs),
          ],
        }),
      ],
    }),
  );
}

/** Below this width a box with the values would not fit beside the pointer: they stand above the chart instead. */
const NARROW = 360;

interface Under<Row> {
  readonly x: string;
  readonly y: string;
  readonly say: (row: Row) => readonly string[];
}

function valuesUnderPointer<Row>(rows: Row[], width: number, { x, y, say }: Under<Row>): Plot.Markish[] {
  if (width >= NARROW)
    return [Plot.tip(rows, Plot.pointer({ x, y, title: (row: Row) => say(row).join("\n") }))];
  const text = (row: Row) => say(row).join(" · ");
  return [
    Plot.dot(rows, Plot.pointer({ x, y, r: 6, stroke: "currentColor" })),
    Plot.text(
      rows,
      Plot.pointer({
        px: x,
        py: y,
        text,
        frameAnchor: "top-left",
        dx: -AXES.marginLeft,
        dy: -12,
        fill: "currentColor",
      }),
    ),
  ];
}

/** Without the style sheet inside, which the page's policy refuses; page.css has what it said. */
function plain(picture: Picture): Picture {
  for (const sheet of picture.querySelectorAll("style")) sheet.remove();
  picture.classList.add("chart");
  picture.setAttribute("role", "img");
  return picture;
}
