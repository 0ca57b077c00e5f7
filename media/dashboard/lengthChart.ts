/// <reference lib="dom" />
/** A measure by length of context, on log axes: one line a model or mode. */
import * as Plot from "@observablehq/plot";
import type { Mode } from "../../protocol/benchmark.ts";
import { count, tokensShort } from "../../protocol/words.ts";
import {
  AXES,
  BYTE_BASE,
  contextTicks,
  LOOKS,
  type Picture,
  plain,
  short,
  valuesUnderPointer,
  valueTicks,
} from "./chartParts.ts";

export interface LengthPoint {
  readonly tokens: number;
  readonly value: number;
}

export interface LengthLine {
  readonly name: string;
  readonly look: Mode;
  /** With hollow symbols, for a run that is laid over another. */
  readonly isBroken?: boolean;
  readonly points: readonly LengthPoint[];
  /** Why it ends before others do. */
  readonly end?: string;
}

export interface LengthMeasure {
  readonly title: string;
  readonly unit: "bytes" | "ms" | "tokens/s";
  readonly say: (value: number) => string;
}

export function lengthChart(
  lines: readonly LengthLine[],
  { title, unit, say }: LengthMeasure,
  width: number,
): Picture {
  const rows = lines.flatMap((line) => line.points.map((point) => ({ line, ...point })));
  const lengths = rows.map(({ tokens }) => tokens);
  const values = rows.map(({ value }) => value);
  const [shortest, longest] = [Math.min(...lengths), Math.max(...lengths)];
  const ticks = valueTicks(values, unit === "bytes");
  return plain(
    Plot.plot({
      ...AXES,
      width,
      ariaLabel: `${title} by length of context: ${lines.map(({ name }) => name).join("; ")}`,
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
        base: unit === "bytes" ? BYTE_BASE : 10,
        tickFormat: (value: number) => (unit === "tokens/s" ? count(value) : short(say(value))),
        label: null,
      },
      marks: [
        Plot.gridY({ ticks, stroke: "var(--rule)", strokeOpacity: 1 }),
        ...lines.flatMap(lineMarks),
        Plot.text(endsOf(lines, longest), {
          ...{ x: "tokens", y: "value", text: "why", fill: "colour", textAnchor: "start", dx: 8, dy: -8 },
          ...{ stroke: PAPER, strokeWidth: 4 },
        }),
        ...valuesUnderPointer(rows, width, {
          ...{ x: "tokens", y: "value" },
          say: ({ line, tokens, value }) => [line.name, `${count(tokens)} tokens`, say(value)],
        }),
      ],
    }),
  );
}

const PAPER = "var(--vscode-editorWidget-background)";

function lineMarks({ look, points, isBroken }: LengthLine): Plot.Markish[] {
  const { colour, symbol } = LOOKS[look];
  const place = { x: "tokens", y: "value" };
  if (isBroken) {
    return [
      Plot.lineY(points, { ...place, stroke: colour, strokeWidth: 1.5, strokeDasharray: "5 4" }),
      Plot.dot(points, { ...place, stroke: colour, strokeWidth: 1.5, fill: PAPER, symbol, r: 4 }),
    ];
  }
  return [
    Plot.lineY(points, { ...place, stroke: colour, strokeWidth: 2 }),
    Plot.dot(points, { ...place, fill: colour, symbol, r: 3.5 }),
  ];
}

/** At the right end there is no room for words; a list below the charts has them all. */
function endsOf(lines: readonly LengthLine[], longest: number) {
  return lines.flatMap(({ look, points, end }) => {
    const last = points.at(-1);
    if (end === undefined || !last || last.tokens === longest) return [];
    return [{ ...last, colour: LOOKS[look].colour, why: end }];
  });
}
