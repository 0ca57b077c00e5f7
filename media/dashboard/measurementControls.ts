/// <reference lib="dom" />
import type { FromPage, Measurement } from "../../protocol/dashboard.ts";
import { button, element, setText, show } from "./dom.ts";
import type { Knowledge } from "./model.ts";

/** Starts a measurement, shows how far it is, cancels it, says what went wrong. */
export class MeasurementControls {
  readonly element: HTMLElement;
  readonly #what: Measurement;
  readonly #start: HTMLButtonElement;
  readonly #cancel: HTMLButtonElement;
  readonly #bar: HTMLProgressElement;
  readonly #message = element("p", { class: "figures" });
  readonly #problem = element("p", { class: "problem", role: "alert" });

  constructor(what: Measurement, label: string, post: (message: FromPage) => void) {
    this.#what = what;
    this.#start = button(label, () => post({ kind: "run", what }), { id: `run-${what}` });
    this.#cancel = button("Cancel", () => post({ kind: "cancel", what }), { class: "secondary" });
    this.#bar = element("progress", { max: 1, "aria-label": label });
    const buttons = element("div", { class: "buttons" }, this.#start, this.#cancel);
    this.element = element("div", {}, buttons, this.#bar, this.#message, this.#problem);
  }

  draw({ running, problems, data, unavailable }: Knowledge): void {
    const progress = running[this.#what];
    const isBusy = Object.values(running).some((one) => one !== undefined);
    this.#start.disabled = isBusy || data === undefined || unavailable !== undefined;
    show(this.#cancel, progress !== undefined);
    show(this.#bar, progress !== undefined);
    if (progress) this.#bar.value = progress.share;
    setText(this.#message, progress ? progress.message || "Waiting until the repository is read" : "");
    show(this.#message, progress !== undefined);
    const problem = problems[this.#what];
    setText(this.#problem, problem ?? "");
    show(this.#problem, problem !== undefined);
  }
}
