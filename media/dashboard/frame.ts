/// <reference lib="dom" />
import { element, show } from "./dom.ts";

type Picture = SVGSVGElement | HTMLElement;

/** In pixels: a chart has margins, and something must be left between them. */
const LEAST_WIDTH = 200;

/** Holds a chart: drawn when its data or its width is another, so that a value under the pointer stays. */
export class Frame {
  readonly element: HTMLElement;
  #key = "";
  #drawn = "";
  #draw: ((width: number) => Picture) | undefined;

  constructor(name: string) {
    this.element = element("div", { class: "frame", id: name, hidden: true });
    new ResizeObserver(() => this.#redraw()).observe(this.element);
  }

  /** `key` names the data: the same key draws nothing new. */
  draw(key: unknown, isShown: boolean, draw: (width: number) => Picture): void {
    show(this.element, isShown);
    this.#draw = isShown ? draw : undefined;
    const keyText = JSON.stringify(key);
    if (keyText !== this.#key) {
      this.#key = keyText;
      this.#drawn = "";
    }
    this.#redraw();
  }

  get picture(): SVGSVGElement | undefined {
    return this.element.querySelector<SVGSVGElement>("svg") ?? undefined;
  }

  #redraw(): void {
    const room = Math.floor(this.element.clientWidth);
    const width = room && Math.max(LEAST_WIDTH, room);
    const drawn = `${width} ${this.#key}`;
    if (!this.#draw || width === 0 || drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.element.replaceChildren(this.#draw(width));
  }
}

interface Framed {
  readonly measure: { readonly title: string };
  readonly frame: Frame;
}

/** As many beside each other as there is room for, each with its title. */
export function chartGrid(frames: readonly Framed[]): HTMLElement {
  return element(
    "div",
    { class: "charts" },
    ...frames.map(({ measure, frame }) =>
      element("figure", {}, element("figcaption", {}, measure.title), frame.element),
    ),
  );
}

/** Those that are drawn, for a file. */
export function picturesOf(frames: readonly Framed[]): { title: string; picture: SVGSVGElement }[] {
  return frames.flatMap(({ measure, frame }) =>
    frame.picture ? [{ title: measure.title, picture: frame.picture }] : [],
  );
}
