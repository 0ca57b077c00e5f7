/// <reference lib="dom" />
/** State against attention: the charts of a run, its figures, and how to take them along. */
import type { BenchmarkRun, BenchmarkSeries } from "../../protocol/benchmark.ts";
import type { FromPage } from "../../protocol/dashboard.ts";
import { count, modeName, stopSentence, tokensShort } from "../../protocol/words.ts";
import { benchmarkChart, MEASURES } from "./charts.ts";
import { button, element, section, setText, show, table } from "./dom.ts";
import { csvOf, pngOf, svgOf } from "./exports.ts";
import { Frame } from "./frame.ts";
import { MeasurementControls } from "./measurementControls.ts";
import { type Knowledge, runShown, seriesShown } from "./model.ts";

export class Benchmark {
  readonly element: HTMLElement;
  readonly #post: (message: FromPage) => void;
  readonly #controls: MeasurementControls;
  readonly #empty = element(
    "p",
    { class: "note" },
    "Not measured on this machine yet. It takes two or three minutes, and completions go on working meanwhile.",
  );
  readonly #runs = element("select", { id: "runs" });
  readonly #runsLine = element(
    "div",
    { class: "line" },
    element("label", { for: "runs" }, "Measured"),
    this.#runs,
  );
  readonly #machine = element("p", { class: "note" });
  readonly #legend = element("p", { class: "legend" });
  readonly #frames = MEASURES.map((measure) => ({ measure, frame: new Frame(`benchmark-${measure.id}`) }));
  readonly #charts: HTMLElement;
  readonly #stops = element("ul", { class: "note" });
  readonly #figures = element("div");
  readonly #details = element("details", {}, element("summary", {}, "Figures"), this.#figures);
  readonly #exports: HTMLElement;
  #series: readonly BenchmarkSeries[] = [];
  #drawnSeries = "";
  #drawnRuns: readonly BenchmarkRun[] | undefined;

  constructor(post: (message: FromPage) => void, onChoose: (date: string) => void) {
    this.#post = post;
    this.#controls = new MeasurementControls("benchmark", "Measure Against Attention", post);
    this.#runs.addEventListener("change", () => onChoose(this.#runs.value));
    this.#charts = element(
      "div",
      { class: "charts" },
      ...this.#frames.map(({ measure, frame }) =>
        element("figure", {}, element("figcaption", {}, measure.title), frame.element),
      ),
    );
    const save = (label: string, name: string, act: () => void | Promise<void>) =>
      button(label, () => void act(), { class: "secondary", "aria-label": `Save the charts as ${name}` });
    this.#exports = element(
      "div",
      { class: "buttons" },
      save("SVG", "SVG", () => this.#saveSvg()),
      save("PNG", "PNG", () => this.#savePng()),
      save("CSV", "CSV", () => this.#saveCsv()),
    );
    this.element = section(
      "benchmark",
      "State against attention",
      element(
        "p",
        { class: "note" },
        "The same weights, with all heads as state, with all heads as attention, and as the settings have it.",
      ),
      this.#controls.element,
      this.#empty,
      this.#runsLine,
      this.#legend,
      this.#charts,
      this.#stops,
      this.#machine,
      this.#details,
      this.#exports,
    );
  }

  draw(known: Knowledge): void {
    this.#controls.draw(known);
    const run = runShown(known);
    const isRunning = known.running.benchmark !== undefined;
    this.#series = seriesShown(known).filter(({ points }) => points.length > 0);
    const hasPoints = this.#series.length > 0;
    show(this.#empty, known.runs !== undefined && !hasPoints && !isRunning);
    for (const part of [this.#charts, this.#legend]) show(part, hasPoints);
    for (const part of [this.#details, this.#exports, this.#stops, this.#machine, this.#runsLine])
      show(part, hasPoints && !isRunning);
    this.#drawRuns(known, run);
    if (hasPoints) this.#drawCharts();
    if (run) setText(this.#machine, machineSentence(run));
  }

  #drawRuns({ runs = [] }: Knowledge, run: BenchmarkRun | undefined): void {
    if (this.#drawnRuns !== runs) {
      this.#drawnRuns = runs;
      this.#runs.replaceChildren(
        ...runs.map(({ date }) => element("option", { value: date }, shownDate(date))),
      );
    }
    if (run) this.#runs.value = run.date;
  }

  #drawCharts(): void {
    const key = JSON.stringify(this.#series);
    for (const { measure, frame } of this.#frames) {
      frame.draw(key, true, (width) => benchmarkChart(this.#series, measure, width));
    }
    if (key === this.#drawnSeries) return;
    this.#drawnSeries = key;
    const stops = this.#series.flatMap((one) => (one.stopped ? [stopSentence(one, one.stopped)] : []));
    this.#stops.replaceChildren(...stops.map((sentence) => element("li", {}, sentence)));
    this.#legend.replaceChildren(
      ...this.#series.map((one) => element("span", { class: `key ${one.mode}` }, modeName(one))),
    );
    this.#figures.replaceChildren(...this.#series.map(seriesTable));
  }

  #name(): string {
    return `stateline-benchmark-${new Date().toISOString().slice(0, 10)}`;
  }

  #svg(): SVGSVGElement {
    const legend = this.#series.map(modeName).join(", ");
    return svgOf(
      this.#frames.flatMap(({ measure, frame }) =>
        frame.picture ? [{ title: `${measure.title}: ${legend}`, picture: frame.picture }] : [],
      ),
    );
  }

  #saveSvg(): void {
    const text = `${new XMLSerializer().serializeToString(this.#svg())}\n`;
    this.#post({ kind: "export", file: { name: this.#name(), type: "svg", text } });
  }

  async #savePng(): Promise<void> {
    const base64 = await pngOf(this.#svg());
    this.#post({ kind: "export", file: { name: this.#name(), type: "png", base64 } });
  }

  #saveCsv(): void {
    this.#post({ kind: "export", file: { name: this.#name(), type: "csv", text: csvOf(this.#series) } });
  }
}

function seriesTable(series: BenchmarkSeries): HTMLElement {
  const [memory, ...times] = MEASURES;
  const columns = [...times, ...(memory ? [memory] : [])];
  return table(
    modeName(series),
    ["Context", ...columns.map(({ title }) => title)],
    series.points.map((point) => [
      tokensShort(point.contextTokens),
      ...columns.map(({ of, say }) => say(of(point))),
    ]),
  );
}

function machineSentence({ machine, model, decodeTokens, seconds }: BenchmarkRun): string {
  return (
    `${machine.cpu}, ${machine.physicalCores ?? machine.logicalCores} cores, ${machine.memoryGiB} GiB; ` +
    `${model.name}, ${(model.parameters / 1e6).toFixed(1)} M parameters, ${model.quantization}, ` +
    `${model.threads} threads. Time to read and answer has ${decodeTokens} tokens written. Took ${count(seconds)} s` +
    `${machine.loadBefore === null ? "" : `, load before ${machine.loadBefore}`}.`
  );
}

function shownDate(date: string): string {
  return new Date(date).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
