/// <reference lib="dom" />
import { element, show } from "./dom.ts";

type Picture = SVGSVGElement | HTMLElement;

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
    const width = Math.floor(this.element.clientWidth);
    const drawn = `${width} ${this.#key}`;
    if (!this.#draw || width === 0 || drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.element.replaceChildren(this.#draw(width));
  }
}
