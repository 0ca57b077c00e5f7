/// <reference lib="dom" />
/** Which run is shown, and which is laid over it. */
import type { BenchmarkRun } from "../../protocol/benchmark.ts";
import type { FromPage } from "../../protocol/dashboard.ts";
import { runName } from "./comparison.ts";
import { button, element, show } from "./dom.ts";
import { type Knowledge, runShown, runsShown } from "./model.ts";

const NOTHING = "";

export interface Choices {
  readonly onShow: (date: string) => void;
  /** undefined: nothing is laid over the run that is shown. */
  readonly onCompare: (date: string | undefined) => void;
}

export class RunChoice {
  readonly element: HTMLElement;
  readonly #shown = element("select", { id: "runs" });
  readonly #compared = element("select", { id: "compared" });
  #drawn: readonly BenchmarkRun[] | undefined;

  constructor(post: (message: FromPage) => void, { onShow, onCompare }: Choices) {
    this.#shown.addEventListener("change", () => onShow(this.#shown.value));
    this.#compared.addEventListener("change", () => onCompare(this.#compared.value || undefined));
    const line = (label: string, ...parts: readonly [HTMLElement, ...HTMLElement[]]): HTMLElement =>
      element("div", { class: "choice" }, element("label", { for: parts[0].id }, label), ...parts);
    const add = button("Add from File…", () => post({ kind: "addRun" }), {
      class: "secondary",
      "aria-label": "Add a run from a file",
    });
    this.element = element(
      "div",
      { class: "choices" },
      line("Measured", this.#shown),
      line("Compare with", this.#compared, add),
    );
  }

  draw(known: Knowledge): void {
    const { runs = [] } = known;
    if (this.#drawn !== runs) {
      this.#drawn = runs;
      const options = () => runs.map((run) => element("option", { value: run.date }, runName(run)));
      this.#shown.replaceChildren(...options());
      this.#compared.replaceChildren(element("option", { value: NOTHING }, "nothing"), ...options());
    }
    const shown = runShown(known)?.date;
    if (shown !== undefined) this.#shown.value = shown;
    for (const option of this.#compared.options) show(option, option.value !== shown);
    this.#compared.value = runsShown(known)[1]?.run?.date ?? NOTHING;
  }
}
