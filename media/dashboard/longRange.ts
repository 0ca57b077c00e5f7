/// <reference lib="dom" />
/** Long Range Arena: what small models of each kind answer and cost on this machine, beside the published figures. */
import type { FromPage } from "../../protocol/dashboard.ts";
import type { LongRangeRow, LongRangeRun } from "../../protocol/longRange.ts";
import { count, threadCount } from "../../protocol/words.ts";
import { LOOKS } from "./chartParts.ts";
import { element, section, setText, show, table } from "./dom.ts";
import { exportButtons } from "./exportButtons.ts";
import { csvText, type LegendLine, svgOf } from "./exports.ts";
import { chartGrid, Frame, picturesOf } from "./frame.ts";
import { lengthChart } from "./lengthChart.ts";
import {
  articleCells,
  type Cells,
  fasterCells,
  LONG_RANGE_MEASURES,
  longRangeCsv,
  longRangeLines,
  lookOf,
  modelName,
  publishedCells,
  taskCells,
  tasksOf,
} from "./longRangeRows.ts";
import { MeasurementControls } from "./measurementControls.ts";
import type { Knowledge } from "./model.ts";

export class LongRange {
  readonly element: HTMLElement;
  readonly #controls: MeasurementControls;
  readonly #tables = element("div", { id: "long-range-tables" });
  readonly #task = element("select", { id: "long-range-task" });
  readonly #taskLine = element(
    "div",
    { class: "choice" },
    element("label", { for: "long-range-task" }, "Charts of"),
    this.#task,
  );
  readonly #legend = element("p", { class: "legend" });
  readonly #frames = LONG_RANGE_MEASURES.map((measure) => ({
    measure,
    frame: new Frame(`long-range-${measure.id}`),
  }));
  readonly #charts: HTMLElement;
  readonly #machine = element("p", { class: "note" });
  readonly #published = element(
    "details",
    {},
    element("summary", {}, "The article's and the published figures"),
    element(
      "p",
      { class: "note" },
      "Of other data and larger models: to look at beside the figures here, not to be mixed with them.",
    ),
    tableOf("Right answers as the article has them", articleCells()),
    tableOf("Right answers on Long Range Arena as published, arXiv 2505.09022, table 3", publishedCells()),
  );
  readonly #exports: HTMLElement;
  #rows: readonly LongRangeRow[] = [];

  constructor(post: (message: FromPage) => void) {
    this.#controls = new MeasurementControls("longRange", "Run Long Range Arena", post);
    this.#task.addEventListener("change", () => this.#drawCharts());
    this.#charts = chartGrid(this.#frames);
    this.#exports = exportButtons(post, {
      what: "Long Range Arena",
      name: "stateline-long-range",
      svg: () => this.#svg(),
      csv: () => csvText(longRangeCsv(this.#rows)),
    });
    this.element = section(
      "long-range",
      "Long Range Arena",
      element(
        "p",
        { class: "note" },
        "Small classifiers of long sequences of bytes, trained on data that can be made anywhere: all channels a " +
          "state-space model, all attention, or some of each. They run here through the engine.",
      ),
      this.#controls.element,
      this.#tables,
      this.#taskLine,
      this.#legend,
      this.#charts,
      this.#machine,
      this.#published,
      this.#exports,
    );
  }

  draw(known: Knowledge): void {
    this.#controls.draw(known);
    const rows = known.longRangeRows;
    const isRunning = known.running.longRange !== undefined;
    const hasRows = rows.length > 0;
    for (const part of [this.#tables, this.#taskLine, this.#legend, this.#charts]) show(part, hasRows);
    show(this.#exports, hasRows && !isRunning);
    show(this.#machine, known.longRangeRun !== undefined);
    if (known.longRangeRun) setText(this.#machine, machineSentence(known.longRangeRun));
    if (rows === this.#rows) return;
    this.#rows = rows;
    if (hasRows) this.#drawRows();
  }

  #drawRows(): void {
    const tasks = tasksOf(this.#rows);
    const faster = fasterCells(this.#rows);
    this.#tables.replaceChildren(
      ...tasks.map((task) => tableOf(task, taskCells(this.#rows, task))),
      ...(faster.rows.length > 0
        ? [
            tableOf(
              "Attention's time over the state-space model's; the article's is of its own task of that length",
              faster,
            ),
          ]
        : []),
    );
    const chosen = this.#task.value;
    this.#task.replaceChildren(...tasks.map((task) => element("option", { value: task }, task)));
    if (tasks.includes(chosen)) this.#task.value = chosen;
    this.#drawCharts();
  }

  #drawCharts(): void {
    const own = this.#own();
    this.#legend.replaceChildren(
      ...own.map((row) => element("span", { class: `key ${lookOf(row)}` }, modelName(row))),
    );
    for (const { measure, frame } of this.#frames) {
      frame.draw(own, true, (width) =>
        lengthChart(longRangeLines(own, this.#task.value, measure), measure, width),
      );
    }
  }

  #own(): readonly LongRangeRow[] {
    return this.#rows.filter(({ task }) => task === this.#task.value);
  }

  #svg(): SVGSVGElement {
    const legend = this.#own().map((row): LegendLine => {
      const { characters, colour } = LOOKS[lookOf(row)];
      return { text: `${characters.A} ${modelName(row)}`, colour };
    });
    return svgOf([{ text: `Long Range Arena: ${this.#task.value}` }, ...legend], picturesOf(this.#frames));
  }
}

/** In a frame of its own that scrolls, since a narrow page is not to. */
function tableOf(caption: string, { head, rows }: Cells): HTMLElement {
  return element(
    "div",
    { class: "scrolling", tabindex: 0, role: "region", "aria-label": caption },
    table(caption, head, rows),
  );
}

function machineSentence({ machine, cpuLevel, threads, seconds, rows }: LongRangeRun): string {
  const parameters = rows.map((row) => row.parameters);
  const [fewest, most] = [Math.min(...parameters), Math.max(...parameters)];
  return (
    `${machine.cpu}, ${machine.physicalCores ?? machine.logicalCores} cores, ${machine.memoryGiB} GiB, ${cpuLevel}, ` +
    `${threadCount(threads)}; ${fewest === most ? "" : `${count(fewest)} to `}${count(most)} parameters. ` +
    `Took ${count(seconds)} s${machine.loadBefore === null ? "" : `, load before ${machine.loadBefore}`}.`
  );
}
