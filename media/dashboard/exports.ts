/// <reference lib="dom" />
/** A chart as a file: SVG and PNG with the theme's colours written out, the benchmark's figures as CSV. */
import type { BenchmarkSeries } from "../../protocol/benchmark.ts";
import { modeName } from "../../protocol/words.ts";

const SVG = "http://www.w3.org/2000/svg";
/** Pixels of a PNG for each of the page's. */
const SCALE = 2;
const COLOURED = ["fill", "stroke"] as const;

/** Several charts below each other, each with its title. */
export function svgOf(
  charts: readonly { readonly title: string; readonly picture: SVGSVGElement }[],
): SVGSVGElement {
  const page = getComputedStyle(document.body);
  const titleHeight = 24;
  const whole = document.createElementNS(SVG, "svg");
  let top = 0;
  let width = 0;
  const parts: SVGElement[] = [];
  for (const { title, picture } of charts) {
    const part = withColours(picture);
    const size = {
      width: Number(picture.getAttribute("width")),
      height: Number(picture.getAttribute("height")),
    };
    part.setAttribute("y", String(top + titleHeight));
    parts.push(textAt(title, 8, top + 17, page), part);
    top += titleHeight + size.height + 8;
    width = Math.max(width, size.width);
  }
  whole.setAttribute("xmlns", SVG);
  whole.setAttribute("width", String(width));
  whole.setAttribute("height", String(top));
  whole.setAttribute("viewBox", `0 0 ${width} ${top}`);
  whole.setAttribute("font-family", "sans-serif");
  whole.append(background(page, width, top), ...parts);
  return whole;
}

function background(page: CSSStyleDeclaration, width: number, height: number): SVGElement {
  const rectangle = document.createElementNS(SVG, "rect");
  rectangle.setAttribute("width", String(width));
  rectangle.setAttribute("height", String(height));
  rectangle.setAttribute("fill", page.backgroundColor);
  return rectangle;
}

function textAt(text: string, x: number, y: number, page: CSSStyleDeclaration): SVGElement {
  const made = document.createElementNS(SVG, "text");
  made.setAttribute("x", String(x));
  made.setAttribute("y", String(y));
  made.setAttribute("font-size", "13");
  made.setAttribute("fill", page.color);
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

export function csvOf(series: readonly BenchmarkSeries[]): string {
  const head = [
    ...["mode", "hybridRatio", "attentionWindow", "contextTokens", "prefillMs", "prefillTokensPerSecond"],
    ...["decodeTokensPerSecond", "wallMs", "stateBytes", "kvBytes"],
  ];
  const rows = series.flatMap((one) =>
    one.points.map((point) => [
      `"${modeName(one)}"`,
      one.hybridRatio,
      one.attentionWindow,
      point.contextTokens,
      point.prefillMs.toFixed(2),
      point.prefillTokensPerSecond.toFixed(1),
      point.decodeTokensPerSecond.toFixed(1),
      point.wallMs.toFixed(2),
      point.stateBytes,
      point.kvBytes,
    ]),
  );
  return `${[head, ...rows].map((row) => row.join(",")).join("\n")}\n`;
}
