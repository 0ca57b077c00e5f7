/// <reference lib="dom" />
/** Buttons that save charts as SVG and PNG and their figures as CSV. */
import type { FromPage } from "../../protocol/dashboard.ts";
import { button, element } from "./dom.ts";
import { pngOf } from "./exports.ts";

export interface Exported {
  /** For the buttons' names: "the charts". */
  readonly what: string;
  /** Of the file, without its date and ending. */
  readonly name: string;
  readonly svg: () => SVGSVGElement;
  readonly csv: () => string;
}

export function exportButtons(
  post: (message: FromPage) => void,
  { what, name, svg, csv }: Exported,
  ...more: readonly HTMLButtonElement[]
): HTMLElement {
  const dated = (): string => `${name}-${new Date().toISOString().slice(0, 10)}`;
  const saveSvg = (): void => {
    const text = `${new XMLSerializer().serializeToString(svg())}\n`;
    post({ kind: "export", file: { name: dated(), type: "svg", text } });
  };
  const savePng = async (): Promise<void> => {
    post({ kind: "export", file: { name: dated(), type: "png", base64: await pngOf(svg()) } });
  };
  const saveCsv = (): void => post({ kind: "export", file: { name: dated(), type: "csv", text: csv() } });
  return element(
    "div",
    { class: "buttons" },
    saveButton("SVG", what, saveSvg),
    saveButton("PNG", what, savePng),
    saveButton("CSV", what, saveCsv),
    ...more,
  );
}

export function saveButton(type: string, what: string, act: () => void | Promise<void>): HTMLButtonElement {
  return button(type, () => void act(), { class: "secondary", "aria-label": `Save ${what} as ${type}` });
}
