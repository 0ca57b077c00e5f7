/// <reference lib="dom" />
/** The charts of the present and of the ratios. */
import * as Plot from "@observablehq/plot";
import type { RatioFigures } from "../../protocol/benchmark.ts";
import type { DashboardData, Throughput } from "../../protocol/dashboard.ts";
import { bytes, count, milliseconds } from "../../protocol/words.ts";
import {
  AXES,
  BYTE_BASE,
  LOOKS,
  type Picture,
  plain,
  short,
  speed,
  valuesUnderPointer,
  valueTicks,
} from "./chartParts.ts";

/** Where the bars of memory begin. */
const LEAST_BYTES = 4096;

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
  reading: readonly Throughput[],
  decoding: readonly Throughput[],
  width: number,
): Picture {
  const dated = (samples: readonly Throughput[], name: string) =>
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
      x: {
        type: "time",
        label: null,
        ticks: Math.max(2, Math.floor(width / 110)),
        tickFormat: (at: Date) => at.toLocaleTimeString(),
      },
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
