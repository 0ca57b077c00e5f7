/// <reference lib="dom" />
/** What the charts have in common: the theme's colours, axes, and values under the pointer. By Observable Plot. */
import * as Plot from "@observablehq/plot";
import type { Mode } from "../../protocol/benchmark.ts";
import { count } from "../../protocol/words.ts";
import type { Letter } from "./comparison.ts";

export type Picture = SVGSVGElement | HTMLElement;

interface Look {
  readonly colour: string;
  readonly symbol: Plot.SymbolType;
  /** The symbol as a character: filled in run A, hollow in run B. */
  readonly characters: Readonly<Record<Letter, string>>;
}

/** Colour and symbol together: whoever does not tell colours apart sees the shape. */
export const LOOKS: Readonly<Record<Mode, Look>> = {
  state: { colour: "var(--state)", symbol: "circle", characters: { A: "●", B: "○" } },
  attention: { colour: "var(--attention)", symbol: "triangle", characters: { A: "▲", B: "△" } },
  chosen: { colour: "var(--chosen)", symbol: "square", characters: { A: "■", B: "□" } },
};

export const speed = (value: number): string => `${count(value)} tokens/s`;

export const AXES = {
  marginLeft: 56,
  marginRight: 20,
  marginTop: 14,
  marginBottom: 30,
  height: 210,
  style: { background: "none", color: "inherit", fontFamily: "inherit", fontSize: "11px" },
};

/** Of the axes of bytes: 16 KiB, 256 KiB, 4 MiB. */
export const BYTE_BASE = 16;
/** A round number on an axis needs no decimals. */
export function short(words: string): string {
  return words.replace(/\.0+ /, " ");
}

/** Powers of two that stand far enough apart for their labels. */
export function contextTicks(low: number, high: number, width: number): number[] {
  const most = Math.max(2, Math.floor(width / 62));
  const exponents = Math.log2(high / low) || 1;
  const step = Math.max(1, Math.ceil(exponents / most));
  const ticks: number[] = [];
  for (let exponent = Math.ceil(Math.log2(low)); exponent <= Math.log2(high) + 0.01; exponent += step)
    ticks.push(2 ** exponent);
  return ticks;
}

/** Powers of ten, or of sixteen for bytes, around the values. */
export function valueTicks(values: readonly number[], isBytes: boolean): number[] {
  const base = isBytes ? BYTE_BASE : 10;
  const low = Math.floor(Math.log(Math.min(...values)) / Math.log(base));
  const high = Math.ceil(Math.log(Math.max(...values)) / Math.log(base));
  const all = Array.from({ length: high - low + 1 }, (_, i) => base ** (low + i));
  return all.length > 6 ? all.filter((_, i) => (all.length - 1 - i) % 2 === 0) : all;
}

/** Below this width a box with the values would not fit beside the pointer: they stand above the chart instead. */
const NARROW = 360;

interface Under<Row> {
  readonly x: string;
  readonly y: string;
  readonly say: (row: Row) => readonly string[];
  /** Of bars the pointer finds the one above or below it, of points the nearest. */
  readonly areBars?: boolean;
}

export function valuesUnderPointer<Row>(
  rows: Row[],
  width: number,
  { x, y, say, areBars = false }: Under<Row>,
): Plot.Markish[] {
  const pointer = areBars ? Plot.pointerX : Plot.pointer;
  if (width >= NARROW) return [Plot.tip(rows, pointer({ x, y, title: (row: Row) => say(row).join("\n") }))];
  const text = (row: Row) => say(row).join(" · ");
  return [
    Plot.dot(rows, pointer({ x, y, r: 6, stroke: "currentColor" })),
    Plot.text(
      rows,
      pointer({
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
export function plain(picture: Picture): Picture {
  for (const sheet of picture.querySelectorAll("style")) sheet.remove();
  picture.classList.add("chart");
  picture.setAttribute("role", "img");
  return picture;
}
