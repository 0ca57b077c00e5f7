/// <reference lib="dom" />
/** The hybrid ratio: a slider, what the latest change did, and the search for the best. */
import type { RatioFigures } from "../../protocol/benchmark.ts";
import type { DashboardData, FromPage, RatioChange } from "../../protocol/dashboard.ts";
import { bytes, count, layersInWords, milliseconds } from "../../protocol/words.ts";
import { ratioChart } from "./charts.ts";
import { button, element, section, setText, show, table } from "./dom.ts";
import { Frame } from "./frame.ts";
import { MeasurementControls } from "./measurementControls.ts";
import type { Knowledge } from "./model.ts";

export class Ratio {
  readonly element: HTMLElement;
  readonly #post: (message: FromPage) => void;
  readonly #slider = element("input", {
    type: "range",
    id: "ratio",
    min: 0,
    "aria-describedby": "ratio-words",
  });
  readonly #value = element("output", { for: "ratio", class: "value" });
  readonly #words = element("p", { id: "ratio-words", class: "note" });
  readonly #change = element("div", { id: "ratio-change", role: "status" });
  readonly #controls: MeasurementControls;
  readonly #advice = element("p", { id: "advice", role: "status" });
  readonly #apply: HTMLButtonElement;
  readonly #frame = new Frame("ratio-chart");
  readonly #figure = element(
    "figure",
    {},
    element("figcaption", {}, "Bits a byte at each ratio: fewer are better"),
    this.#frame.element,
  );
  readonly #details = element("details", {}, element("summary", {}, "Figures of each ratio"));
  readonly #halves: HTMLElement;
  /** Of a model whose layers are what they are. */
  readonly #fixed = element("p", { id: "fixed-layers", class: "note" });
  readonly #figures = element("div");
  /** While the person moves it, what arrives does not move it back. */
  #isMoving = false;
  #heads = 8;
  #best: number | undefined;
  #drawnChange: RatioChange | undefined;
  #drawnFigures: readonly RatioFigures[] | undefined;

  constructor(post: (message: FromPage) => void) {
    this.#post = post;
    this.#controls = new MeasurementControls("ratios", "Find the Best Ratio", post);
    this.#apply = button("", () => {
      if (this.#best !== undefined) post({ kind: "setRatio", ratio: this.#best });
    });
    this.#slider.addEventListener("input", () => {
      this.#isMoving = true;
      this.#say(Number(this.#slider.value) / this.#heads);
    });
    this.#slider.addEventListener("change", () => {
      this.#isMoving = false;
      this.#post({ kind: "setRatio", ratio: Number(this.#slider.value) / this.#heads });
    });
    this.#details.append(this.#figures);
    const ends = element(
      "div",
      { class: "ends" },
      element("span", {}, "all attention"),
      element("span", {}, "all state"),
    );
    const label = element("label", { for: "ratio" }, "Share of heads that keep a state");
    const setting = element(
      "div",
      {},
      element("div", { class: "line" }, label, this.#value),
      this.#slider,
      ends,
      this.#words,
      this.#change,
    );
    const search = element(
      "div",
      {},
      element(
        "p",
        { class: "note" },
        "What each ratio is worth on a sample of this repository, and what it costs on this machine.",
      ),
      this.#controls.element,
      this.#advice,
      this.#apply,
      this.#figure,
      this.#details,
    );
    this.#halves = element("div", { class: "halves" }, setting, search);
    this.element = section("hybrid-ratio", "Hybrid ratio", this.#fixed, this.#halves);
  }

  draw(known: Knowledge): void {
    const { data, ratios, advice, running } = known;
    if (data) this.#drawSetting(data);
    this.#controls.draw(known);
    this.#best = advice?.best;
    setText(this.#advice, advice?.explanation ?? "");
    show(this.#advice, advice !== undefined);
    show(this.#apply, advice !== undefined && advice.best !== data?.wantedRatio);
    setText(this.#apply, `Use Ratio ${advice?.best ?? ""}`);
    const isDrawn = ratios.length > 1;
    show(this.#figure, isDrawn);
    this.#frame.draw([ratios.length, ratios.at(-1)?.completionMs, this.#best], isDrawn, (width) =>
      ratioChart(ratios, this.#best, width),
    );
    show(this.#details, isDrawn && !running.ratios);
    if (this.#drawnFigures === ratios) return;
    this.#drawnFigures = ratios;
    this.#figures.replaceChildren(figuresTable(ratios));
  }

  #drawSetting(data: DashboardData): void {
    const { heads, wantedRatio, status, ratioChange } = data;
    show(this.#halves, wantedRatio !== null);
    show(this.#fixed, wantedRatio === null);
    if (wantedRatio === null) {
      const layers = layersInWords(status.layers);
      setText(
        this.#fixed,
        `The layers of this model are fixed: ${layers}. The hybrid ratio has no effect on it.`,
      );
      return;
    }
    this.#heads = heads;
    this.#slider.max = String(heads);
    if (!this.#isMoving) {
      this.#slider.value = String(Math.round(wantedRatio * heads));
      this.#say(wantedRatio);
    }
    const isSwitching = wantedRatio !== status.hybridRatio;
    const percent = status.tokensTotal > 0 ? Math.floor((100 * status.tokensRead) / status.tokensTotal) : 0;
    setText(
      this.#words,
      isSwitching
        ? `The repository is read for ratio ${wantedRatio} (${percent} %). Until then completions come from ratio ${status.hybridRatio}.`
        : "More state takes less memory and time; more attention recalls exact tokens within the window of " +
            `${data.attentionWindow === 0 ? "everything read" : `${count(data.attentionWindow)} tokens`}.`,
    );
    if (ratioChange === this.#drawnChange) return;
    if (JSON.stringify(ratioChange) === JSON.stringify(this.#drawnChange)) return;
    this.#drawnChange = ratioChange;
    this.#change.replaceChildren(...(ratioChange ? [changeTable(ratioChange)] : []));
  }

  #say(ratio: number): void {
    const stateHeads = Math.round(ratio * this.#heads);
    setText(this.#value, `${ratio}`);
    this.#slider.setAttribute(
      "aria-valuetext",
      `${ratio}: ${stateHeads} of ${this.#heads} heads keep a state`,
    );
  }
}

function changeTable({ from, to }: RatioChange): HTMLElement {
  const row = (name: string, of: (one: RatioFigures) => string) => [name, of(from), of(to)];
  return table(
    "What the change did, on a sample of this repository",
    ["", `ratio ${from.hybridRatio}`, `ratio ${to.hybridRatio}`],
    [
      row("State", (one) => bytes(one.stateBytes)),
      row("Attention cache", (one) => bytes(one.kvBytes)),
      row("Reading, tokens/s", (one) => count(one.readTokensPerSecond)),
      row("Writing, tokens/s", (one) => count(one.decodeTokensPerSecond)),
      row("A completion", (one) => milliseconds(one.completionMs)),
      row("Bits a byte", (one) => one.bitsPerByte.toFixed(3)),
    ],
  );
}

function figuresTable(figures: readonly RatioFigures[]): HTMLElement {
  return table(
    "Each ratio on a sample of this repository",
    ["Ratio", "Bits a byte", "Completion", "Memory", "Reading tokens/s"],
    figures.map((one) => [
      String(one.hybridRatio),
      one.bitsPerByte.toFixed(3),
      milliseconds(one.completionMs),
      bytes(one.stateBytes + one.kvBytes),
      count(one.readTokensPerSecond),
    ]),
  );
}
