/// <reference lib="dom" />
/** What became of completions: shares, keys and time saved, how long they were waited for; by day and by language. */
import { type CompletionCounts, OUTCOMES, sumOfCounts } from "../../protocol/counts.ts";
import type { FromPage } from "../../protocol/dashboard.ts";
import { keysChart, OUTCOME_LOOKS, outcomesChart } from "./countCharts.ts";
import {
  byDay,
  byLanguage,
  dayRows,
  daysWithin,
  languageRows,
  RANGES,
  sentencesOf,
  spanOf,
  tilesOf,
  today,
} from "./countRows.ts";
import { button, element, section, setText, show, table } from "./dom.ts";
import { chartGrid, Frame } from "./frame.ts";
import type { Knowledge } from "./model.ts";

const USUAL_RANGE = 30;
const OFF = "Counting is off (stateline.countCompletions).";
const EMPTY =
  "Nothing is counted yet. Type in a file: what is shown and what becomes of it is counted, on this machine alone.";

export class Completions {
  readonly element: HTMLElement;
  readonly #note = element("p", { class: "note", role: "status" });
  readonly #range = element(
    "select",
    { id: "completions-range", "aria-label": "Days that are shown" },
    ...RANGES.map((days) => element("option", { value: days }, days === 0 ? "All days" : `${days} days`)),
  );
  readonly #tiles = element("dl", { class: "tiles" });
  readonly #sentences = element("div", { class: "note" });
  readonly #legend = element(
    "p",
    { class: "legend" },
    ...OUTCOMES.map((one) => element("span", { class: `key ${one}` }, OUTCOME_LOOKS[one].name)),
  );
  readonly #charts = {
    outcomes: {
      measure: { title: "Texts a day, and what became of them" },
      frame: new Frame("outcomes-chart"),
    },
    keys: { measure: { title: "Keys saved a day" }, frame: new Frame("keys-chart") },
  };
  readonly #languages = element("div", { class: "scrolling", id: "completions-languages" });
  readonly #days = element("div");
  readonly #figures: HTMLElement;
  readonly #buttons: HTMLElement;
  #drawn: CompletionCounts | undefined;

  constructor(post: (message: FromPage) => void) {
    this.#range.value = String(USUAL_RANGE);
    this.#range.addEventListener("change", () => this.#drawn && this.#redraw(this.#drawn));
    this.#figures = element(
      "div",
      { class: "counted" },
      this.#tiles,
      this.#sentences,
      this.#legend,
      chartGrid(Object.values(this.#charts)),
      this.#languages,
      element("details", {}, element("summary", {}, "Figures of each day"), this.#days),
    );
    this.#buttons = element(
      "div",
      { class: "buttons" },
      button("Open the File", () => post({ kind: "command", command: "openCounts" }), { class: "secondary" }),
      button("Delete…", () => post({ kind: "command", command: "deleteCounts" }), { class: "secondary" }),
    );
    this.element = section(
      "completions",
      "Completions",
      this.#range,
      this.#note,
      this.#figures,
      this.#buttons,
    );
  }

  draw({ counts }: Knowledge): void {
    show(this.element, counts !== undefined);
    if (counts === undefined || counts === this.#drawn) return;
    this.#drawn = counts;
    this.#redraw(counts);
  }

  #redraw({ days, isCounting }: CompletionCounts): void {
    const span = spanOf(days, Number(this.#range.value), today());
    const shown = daysWithin(days, span);
    const problem =
      days.length === 0 ? EMPTY : shown.length === 0 ? "Nothing was counted in these days." : "";
    setText(this.#note, isCounting ? problem : `${OFF} ${days.length === 0 ? "" : problem}`.trim());
    show(this.#note, this.#note.textContent !== "");
    for (const part of [this.#range, this.#buttons]) show(part, days.length > 0);
    show(this.#figures, shown.length > 0);
    const all = sumOfCounts(shown);
    this.#tiles.replaceChildren(
      ...tilesOf(all).map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, value)),
      ),
    );
    this.#sentences.replaceChildren(...sentencesOf(all).map((sentence) => element("p", {}, sentence)));
    const dates = byDay(shown);
    const { outcomes, keys } = this.#charts;
    const isDrawn = shown.length > 0;
    outcomes.frame.draw([span, dates], isDrawn, (width) => outcomesChart(dates, span, width));
    keys.frame.draw([span, dates], isDrawn, (width) => keysChart(dates, span, width));
    this.#languages.replaceChildren(table("By language", LANGUAGE_HEAD, languageRows(byLanguage(shown))));
    this.#days.replaceChildren(table("By day, the latest first", DAY_HEAD, dayRows(dates)));
  }
}

const LANGUAGE_HEAD = ["Language", "Shown", "Accepted", "Keys saved", "Characters each"];
const DAY_HEAD = [
  ...["Day", "Shown"],
  ...OUTCOMES.map((outcome) => OUTCOME_LOOKS[outcome].name).map(
    (name) => name[0]?.toUpperCase() + name.slice(1),
  ),
  "Keys saved",
];
