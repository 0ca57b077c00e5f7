/// <reference lib="dom" />
/** A chart as a file: SVG and PNG with the theme's colours written out, the benchmark's figures as CSV. */
import { modeName } from "../../protocol/words.ts";
import type { ShownRun } from "./comparison.ts";

const SVG = "http://www.w3.org/2000/svg";
/** Pixels of a PNG for each of the page's. */
const SCALE = 2;
const COLOURED = ["fill", "stroke"] as const;

export interface LegendLine {
  readonly text: string;
  /** A CSS value of the page, such as var(--state); the page's own colour when absent. */
  readonly colour?: string;
}

const LINE_HEIGHT = 18;
const TITLE_HEIGHT = 24;

/** What the charts show, line by line, and the charts below each other, each with its title. */
export function svgOf(
  legend: readonly LegendLine[],
  charts: readonly { readonly title: string; readonly picture: SVGSVGElement }[],
): SVGSVGElement {
  const page = getComputedStyle(document.body);
  const parts: SVGElement[] = legend.map(({ text, colour }, i) =>
    textAt(text, 8, 17 + i * LINE_HEIGHT, colour === undefined ? page.color : computed(colour)),
  );
  let top = legend.length * LINE_HEIGHT + 8;
  let width = 0;
  for (const { title, picture } of charts) {
    const part = withColours(picture);
    const size = {
      width: Number(picture.getAttribute("width")),
      height: Number(picture.getAttribute("height")),
    };
    part.setAttribute("y", String(top + TITLE_HEIGHT));
    parts.push(textAt(title, 8, top + 17, page.color), part);
    top += TITLE_HEIGHT + size.height + 8;
    width = Math.max(width, size.width);
  }
  const whole = document.createElementNS(SVG, "svg");
  whole.setAttribute("xmlns", SVG);
  whole.setAttribute("width", String(width));
  whole.setAttribute("height", String(top));
  whole.setAttribute("viewBox", `0 0 ${width} ${top}`);
  whole.setAttribute("font-family", "sans-serif");
  whole.append(background(page, width, top), ...parts);
  return whole;
}

/** The colour that a variable of the theme stands for here. */
function computed(colour: string): string {
  const probe = document.createElement("span");
  probe.style.color = colour;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function background(page: CSSStyleDeclaration, width: number, height: number): SVGElement {
  const rectangle = document.createElementNS(SVG, "rect");
  rectangle.setAttribute("width", String(width));
  rectangle.setAttribute("height", String(height));
  rectangle.setAttribute("fill", page.backgroundColor);
  return rectangle;
}

function textAt(text: string, x: number, y: number, colour: string): SVGElement {
  const made = document.createElementNS(SVG, "text");
  made.setAttribute("x", String(x));
  made.setAttribute("y", String(y));
  made.setAttribute("font-size", "13");
  made.setAttribute("fill", colour);
  made.textContent = text;
  return made;
}

/** A file knows no theme: what the page computed is written into the elements. */
function withColours(picture: SVGSVGElement): SVGSVGElement {
  const copy = picture.cloneNode(true) as SVGSVGElement;
  const originals = [picture, ...picture.querySelectorAll("*")];
  for (const [i, element] of [copy, ...copy.querySelectorAll("*")].entries()) {
    const original = originals[i];
    if (!original) continue;
    const computed = getComputedStyle(original);
    for (const name of COLOURED) if (element.hasAttribute(name)) element.setAttribute(name, computed[name]);
    element.removeAttribute("style");
  }
  copy.setAttribute("color", getComputedStyle(picture).color);
  copy.setAttribute("font-size", "11");
  return copy;
}

export async function pngOf(svg: SVGSVGElement): Promise<string> {
  const image = new Image();
  const text = new XMLSerializer().serializeToString(svg);
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth * SCALE;
  canvas.height = image.naturalHeight * SCALE;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This page cannot draw pictures.");
  context.scale(SCALE, SCALE);
  context.drawImage(image, 0, 0);
  return canvas.toDataURL("image/png").slice("data:image/png;base64,".length);
}

/** One row a point; which run, machine and model it is from stands in each. */
export function csvOf(runs: readonly ShownRun[]): string {
  const head = [
    ...["run", "date", "cpu", "cores", "model", "weights", "quantization", "threads"],
    ...["mode", "hybridRatio", "attentionWindow", "contextTokens", "prefillMs", "prefillTokensPerSecond"],
    ...["decodeTokensPerSecond", "wallMs", "stateBytes", "kvBytes"],
  ];
  const rows = runs.flatMap(({ letter, run, series }) =>
    series.flatMap((one) =>
      one.points.map((point) => [
        ...[letter, run?.date, run?.machine.cpu, run?.machine.physicalCores ?? run?.machine.logicalCores],
        ...[run?.model.name, run?.model.hash, run?.model.quantization, run?.model.threads],
        ...[modeName(one), one.hybridRatio ?? "", one.attentionWindow, point.contextTokens],
        ...[point.prefillMs.toFixed(2), point.prefillTokensPerSecond.toFixed(1)],
        ...[point.decodeTokensPerSecond.toFixed(1), point.wallMs.toFixed(2), point.stateBytes, point.kvBytes],
      ]),
    ),
  );
  return csvText([head, ...rows]);
}

export function csvText(rows: readonly (readonly (string | number | undefined)[])[]): string {
  return `${rows.map((row) => row.map(cell).join(",")).join("\n")}\n`;
}

/** RFC 4180: in quotes where a comma, a quote or a line's end would break it. */
function cell(value: string | number | undefined): string {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
